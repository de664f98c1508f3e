"""The OpenAPI document, made of what the code itself runs by: its routes, its fields, its models, and answers that it gave.

`operations` is the table of what the API does, `examples` runs it, `document` puts both into words of OpenAPI 3.1, and `breaking`
tells what a change takes away from clients.
"""
