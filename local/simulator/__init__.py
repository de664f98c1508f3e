"""A faithful double of Kuaidi100's realtime query: same protocol, same rules, parcels that behave like real ones.

It shares facts with the service (couriers, status codes, the form of a clock) and nothing else, so that a mistake in the service
is not repeated here. `python -m local.simulator --help` starts it.
"""
