"""A second implementation of the rules, as sets: slow, plain, and independent of the engine.

The machine compares the engine with this model. Of the package the model imports only the values
that people pass in (identifiers, exams, permissions, requests, policies) and nothing that decides.
`World` holds all facts. An act that is refused changes none of them.
"""

from exam_sharing.testing.model import acts, sharing, support, views, world

__all__ = ["acts", "sharing", "support", "views", "world"]
