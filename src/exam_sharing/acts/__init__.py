"""Acts: query the ports in a fixed order, decide by the policy, and write what was decided.

An act is a function over `Ports`. Time and the id of the act are arguments.
"""
