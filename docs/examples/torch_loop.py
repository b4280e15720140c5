"""Plain torch: gradients of two batches, bf16 autocast, clipping, a schedule. If you stop it and start it again, it
continues after the last epoch that it saved.

In another terminal: cl-tui watch plain-torch
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import cl_tui

KEPT = Path("plain-torch.pt")


def data(name):
    """Points on two sides of a line, which turns from task to task."""
    inputs = torch.randn(400, 20, generator=torch.Generator().manual_seed(len(name)))
    labels = (inputs[:, :5].sum(1) > (inputs[:, 5:].sum(1) if name == "turned" else 0)).long()
    return TensorDataset(inputs, labels)


torch.manual_seed(0)
tasks = {name: data(name) for name in ("flat", "turned")}
model = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
parts = {"model": model, "optimizer": optimizer, "schedule": schedule}


def accuracy(name):
    inputs, labels = tasks[name].tensors
    with torch.no_grad():
        return (model(inputs).argmax(1) == labels).float().mean()


def save():
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"run": run.state_dict()}, KEPT)


saved = torch.load(KEPT) if KEPT.exists() else None
if saved:
    for name, part in parts.items():
        part.load_state_dict(saved[name])
with cl_tui.protect(
    model, optimizer, method="si", strength=1.0, session="plain-torch", resume=saved is not None
) as run:
    if saved:
        run.load_state_dict(saved["run"])
    for task in (name for name in tasks if name not in run.ended):
        run.task(task)
        while run.task_steps < 20:
            for number, (inputs, labels) in enumerate(DataLoader(tasks[task], batch_size=20), start=1):
                with torch.autocast("cpu", torch.bfloat16):
                    loss = cross_entropy(model(inputs), labels) / 2
                run.backward(loss)
                if number % 2 == 0:
                    run.before_optimizer()  # the penalty's gradient is added
                    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    run.after_optimizer()  # the method sees what the step did
                    optimizer.zero_grad()
                    schedule.step()
            run.scores({task: accuracy(task)})
            save()
        run.end_task(inputs=tasks[task].tensors, scores={name: accuracy(name) for name in (*run.ended, task)})
        save()
