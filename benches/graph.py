"""Acting on objects in the order of what they need: one after the other, or as parallel as they depend on one another."""
from concurrent.futures import ThreadPoolExecutor


def ordered(objects):
    """The names, each after what it needs."""
    done = []

    def visit(name):
        if name not in done:
            for need in objects[name].needs:
                visit(need)
            done.append(name)

    for name in objects:
        visit(name)
    return done


def run(objects, act, before, parallel):
    """Acts on all objects, on each after those that `before` names."""
    names = ordered(objects)
    if not parallel:
        for name in names if before == "needs" else reversed(names):
            act(name)
        return
    first = {name: set(objects[name].needs) for name in names}
    if before == "users":
        first = {name: {other for other in names if name in objects[other].needs} for name in names}
    if before is None:
        first = {name: () for name in names}
    futures = {}

    def wait_and_act(name):
        for other in first[name]:
            futures[other].result()
        return act(name)

    with ThreadPoolExecutor(len(names)) as pool:
        for name in names if before != "users" else reversed(names):
            futures[name] = pool.submit(wait_and_act, name)
        for future in futures.values():
            future.result()
