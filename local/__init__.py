"""The whole service on one machine: the very template, deployed to an emulator, beside a double of Kuaidi100.

`python -m local.stack` starts it. For development and tests; it says nothing about AWS's speed.
"""
