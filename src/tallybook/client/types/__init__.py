"""What is the same for both clients: dicts that verbs take, results without bound methods.

A file per resource.
"""
