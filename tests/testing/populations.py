"""Directories of ours, told what has changed in a population."""

from exam_sharing.memory import MemoryDirectory


def what_differs_changed(directory, population):
    """Change nothing else: whoever is told of everybody anew can keep no cache too long."""
    wanted = MemoryDirectory()
    population.fill(wanted)
    before, after = _known(directory), _known(wanted)
    for each in before.keys() - after.keys():
        directory.remove(each)
    for each, known in after.items():
        if before.get(each) != known:
            _put(directory, known)


def _known(directory):
    return {(each.user if hasattr(each, "user") else each).id: each for each in directory.known()}


def _put(directory, known):
    if hasattr(known, "user"):
        settings = {"sharing_in_plan": known.sharing_in_plan, "notices": known.notices}
        directory.add(known.user, **settings)
    else:
        directory.add(known)
