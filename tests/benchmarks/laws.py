"""How long the laws of a store take over memory: `python tests/benchmarks/laws.py`."""

from time import perf_counter

from exam_sharing.memory import MemoryStore
from exam_sharing.testing.laws import store_laws

SLOWEST = 8


def main():
    seconds = {}
    for law in store_laws(
        MemoryStore,
        transfer=lambda store, exam, owner, at: store.transfer(exam, owner, at=at),
        events=MemoryStore.events,
        share_record=MemoryStore.share_record,
    ):
        began = perf_counter()
        law.check()
        seconds[law.name] = perf_counter() - began
    print(f"{len(seconds)} laws over memory: {sum(seconds.values()):.2f} s; the slowest:")
    for name in sorted(seconds, key=seconds.get, reverse=True)[:SLOWEST]:
        print(f"{seconds[name]:6.2f} s  {name}")


if __name__ == "__main__":
    main()
