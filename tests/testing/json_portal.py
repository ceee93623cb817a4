"""The portal of `clinic_portal` as a program that reads and writes lines of JSON."""

import json
import sys

from clinic_portal import over_functions

portal = None
for line in sys.stdin:
    [(method, asked)] = json.loads(line).items()
    if method == "open":
        portal, answer = over_functions()(asked), None
    else:
        answer = getattr(portal, method)(asked)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
