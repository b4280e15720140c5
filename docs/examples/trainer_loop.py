"""Hugging Face's Trainer: accumulation, clipping and bf16 are its arguments. A callback says when a step is taken.

In another terminal: cl-tui watch with-trainer
"""

from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

import cl_tui


class Protection(TrainerCallback):
    def __init__(self, run):
        self.run = run

    def on_pre_optimizer_step(self, args, state, control, **others):
        self.run.before_optimizer()  # the gradients are clipped already; the penalty's gradient is not

    def on_optimizer_step(self, args, state, control, **others):
        self.run.after_optimizer()

    def on_save(self, args, state, control, **others):
        torch.save(self.run.state_dict(), Path(args.output_dir, f"checkpoint-{state.global_step}", "protection.pt"))


def data(name):
    """Sequences in which a word of the task stands more or less often."""
    words = torch.randint(5, 15, (200, 8), generator=torch.Generator().manual_seed(len(name)))
    word = 7 if name == "seven" else 12
    return [{"input_ids": row, "labels": int((row == word).any())} for row in words]


torch.manual_seed(0)
tasks = {name: data(name) for name in ("seven", "twelve")}
model = BertForSequenceClassification(
    BertConfig(
        vocab_size=20,
        max_position_embeddings=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
arguments = TrainingArguments(
    output_dir="with-trainer",
    num_train_epochs=2,
    per_device_train_batch_size=10,
    gradient_accumulation_steps=2,
    max_grad_norm=1.0,
    bf16=True,
    use_cpu=True,
    lr_scheduler_type="constant",
    save_strategy="epoch",
    report_to="none",
    disable_tqdm=True,
)


def accuracy(name):
    model.eval()
    with torch.no_grad():
        outputs = model(torch.stack([row["input_ids"] for row in tasks[name]])).logits
    return (outputs.argmax(1) == torch.tensor([row["labels"] for row in tasks[name]])).float().mean()


def loss_of(outputs, labels, num_items_in_batch):
    """The part of the step's loss that a batch has: the step is the mean of all examples of its batches."""
    loss = cross_entropy(outputs.logits, labels, reduction="sum") / num_items_in_batch
    if model.training:
        run.saw(loss)  # for the log: callbacks do not get it
    return loss


def trainer_of(name, *callbacks):
    own = {"optimizers": (optimizer, None), "compute_loss_func": loss_of, "callbacks": list(callbacks)}
    return Trainer(model, arguments, train_dataset=tasks[name], **own)


trainer_of("seven")  # puts the network on its device
with cl_tui.protect(model, optimizer, method="si", strength=1.0, session="with-trainer") as run:
    for name in tasks:
        run.task(name)
        trainer_of(name, Protection(run)).train()
        run.end_task(scores={seen: accuracy(seen) for seen in (*run.ended, name)})
