"""What the classes of each task are called, from a run's configuration alone."""

from functools import partial
from itertools import islice

from engine.catalog.choices import benchmark_info
from engine.settings.run import RunConfig
from engine.streams.examples import class_order, divided, shuffled
from engine.streams.images.classes import all_classes, groups
from engine.streams.torchvision_sets import CLASSES


def class_names(config: RunConfig) -> list[list[str]]:
    """The classes of each task, in the order of their outputs.

    >>> from engine.settings.run import resolve
    >>> class_names(resolve({"benchmark": "split-digits", "tasks": 4}))
    [['0', '8', '1'], ['7', '2', '3'], ['4', '9'], ['5', '6']]
    >>> class_names(resolve({"benchmark": "cifar-transfer", "tasks": 2}))[1][:3]
    ['apple', 'aquarium_fish', 'baby']
    """
    info = benchmark_info(config.benchmark)
    if config.option("classes") is not None:
        known = all_classes(config)
        return [[known[label] for label in group] for group in groups(config, partial(shuffled, config.seed))]
    sizes, labels = config.option("task_classes") or (), config.option("task_labels") or ()
    if labels and len(labels) == sum(sizes):
        rest = iter(labels)
        return [list(islice(rest, size)) for size in sizes]
    if info.permuted or not info.classes:
        return [list(map(str, range(count))) for count in config.classes_by_task()]
    names = [name for file in info.files for name in CLASSES.get(file, ())] or list(map(str, range(len(info.classes))))
    if info.by_task:
        numbers = divided(info.classes[: sum(info.by_task)], len(info.by_task))[: config.tasks]
    else:
        numbers = divided(class_order(config, info.classes), config.tasks)
    return [[names[label] for label in group] for group in numbers]
