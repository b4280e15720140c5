"""Lightning: accumulation, clipping and bf16 are the Trainer's. Two hooks of the module say when a step is taken.

In another terminal: cl-tui watch with-lightning
"""

import lightning
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import cl_tui


class Protected(lightning.LightningModule):
    """The optimizer is made once, because what the method has seen belongs to it."""

    def __init__(self, tasks):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 50), nn.ReLU(), nn.Linear(50, 2))
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=3e-3)
        self.tasks = tasks
        self.task = ""
        self.run = self.saved = None

    def configure_optimizers(self):
        return self.optimizer

    def training_step(self, batch, number):
        inputs, labels = batch
        loss = cross_entropy(self.net(inputs), labels)
        self.run.saw(loss / self.trainer.accumulate_grad_batches)
        return loss

    def on_before_optimizer_step(self, optimizer):
        self.run.before_optimizer()  # after backward; Lightning clips after it

    def optimizer_step(self, *step, **options):
        super().optimizer_step(*step, **options)
        self.run.after_optimizer()

    def on_train_start(self):
        """The network is on its device now, and stays there until on_train_end."""
        if self.run is None:
            own = {"session": "with-lightning", "resume": self.saved is not None}
            self.run = cl_tui.protect(self.net, self.optimizer, method="si", strength=1.0, **own)
            if self.saved is not None:
                self.run.load_state_dict(self.saved)
        self.run.task(self.task)

    def on_train_end(self):
        seen = (*self.run.ended, self.task)
        self.run.end_task(inputs=self.tasks[self.task], scores={name: self.accuracy(name) for name in seen})

    def on_save_checkpoint(self, checkpoint):
        checkpoint["protection"] = self.run.state_dict()

    def on_load_checkpoint(self, checkpoint):
        self.saved = checkpoint["protection"]

    def accuracy(self, name):
        with torch.no_grad():
            right = [self.net(x.to(self.device)).argmax(1) == y.to(self.device) for x, y in self.tasks[name]]
        return torch.cat(right).float().mean()


def data(name):
    """Points on two sides of a line, which turns from task to task."""
    inputs = torch.randn(400, 20, generator=torch.Generator().manual_seed(len(name)))
    labels = (inputs[:, :5].sum(1) > (inputs[:, 5:].sum(1) if name == "turned" else 0)).long()
    return DataLoader(TensorDataset(inputs, labels), batch_size=20)


torch.manual_seed(0)
tasks = {name: data(name) for name in ("flat", "turned")}
module = Protected(tasks)
for module.task, loader in tasks.items():
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        accumulate_grad_batches=2,
        gradient_clip_val=0.2,
        precision="bf16-mixed",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader)
module.run.close()
