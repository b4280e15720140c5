"""Small networks of all kinds, and random ones, that take rows of numbers and look at them in their own way."""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 24
"""Numbers of an example."""
OUTPUTS = 4


class Net(nn.Module):
    """Some layers and parameters, used as ``use`` says; its outputs come from the layer ``head``."""

    def __init__(self, use: Callable[["Net", Tensor], Tensor], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.use = use

    def forward(self, inputs: Tensor) -> Tensor:
        return self.use(self, inputs)


class Masked(nn.Linear):
    """A layer with a forward of its own, so without a rule."""

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.weight * 0.5, self.bias)


class Scaled(nn.Module):
    """y = γx + β, elementwise."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.rand(*shape)), nn.Parameter(torch.rand(*shape))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.shift - self.gain * inputs


def tied() -> Net:
    net = Net(lambda net, x: net.head(net.second(net.first(x).tanh())), first=square(), second=square(), head=head())
    net.second.weight = net.first.weight  # type: ignore[union-attr, assignment]
    return net


def tied_to_the_table() -> Net:
    """The table of an embedding is also the last layer, as in language models."""
    net = Net(
        lambda net, x: net.head(net.table(words(x, OUTPUTS)).mean(1).tanh()),
        table=nn.Embedding(OUTPUTS, 5),
        head=nn.Linear(5, OUTPUTS),
    )
    net.head.weight = net.table.weight  # type: ignore[union-attr, assignment]
    return net


def parametrized() -> Net:
    net = Net(lambda net, x: net.head(net.first(x).tanh()), first=square(), head=head())
    torch.nn.utils.parametrizations.weight_norm(net.first)  # type: ignore[arg-type]
    return net


def across_examples() -> Net:
    """It compares the examples of a batch: what an example's gradient is, only a loop of single examples says."""
    return Net(lambda net, x: net.head((net.first(x) - net.first(x).mean(0)).tanh() + x), first=square(), head=head())


def square() -> nn.Linear:
    return nn.Linear(WIDTH, WIDTH)


def head(width: int = WIDTH) -> nn.Linear:
    return nn.Linear(width, OUTPUTS)


def words(x: Tensor, number: int) -> Tensor:
    """Eight whole numbers from 0 to ``number`` − 1; some come up several times."""
    return (3 * x[:, :8].abs()).long() % number


BY_RULES: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(square(), nn.ReLU(), head()),
    "without bias": lambda: nn.Sequential(nn.Linear(WIDTH, 6, bias=False), nn.Tanh(), head(6)),
    "rows": lambda: Net(
        lambda net, x: net.head(net.first(x.view(-1, 4, 6)).relu().flatten(1)), first=nn.Linear(6, 5), head=head(20)
    ),
    "rows of rows": lambda: Net(
        lambda net, x: net.head(net.first(x.view(-1, 2, 2, 6)).relu().flatten(1)), first=nn.Linear(6, 5), head=head(20)
    ),
    "recurrence": lambda: Net(lambda net, x: net.head(net.first(net.first(x).tanh())), first=square(), head=head()),
    "same layer twice": lambda: nn.Sequential(*[square()] * 2, head()),
    "tied": tied,
    "tied to the table": tied_to_the_table,
    "bias twice": lambda: Net(lambda net, x: net.head(net.first(x) + net.first.bias), first=square(), head=head()),
    "conv, in place": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4, 6)), nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), head(6)
    ),
    "conv 1d, twice": lambda: Net(
        lambda net, x: net.head(net.conv(net.conv(x.view(-1, 2, 12)).tanh()).flatten(1)),
        conv=nn.Conv1d(2, 2, 3, padding="same", dilation=2),
        head=head(),
    ),
    "conv 3d": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 2, 2, 3)), nn.Conv3d(2, 2, 2, groups=2, padding=1, stride=2), nn.Flatten(), head(16)
    ),
    "batch norm": lambda: nn.Sequential(square(), nn.BatchNorm1d(WIDTH), nn.ReLU(), head()),
    "norms of images": lambda: nn.Sequential(
        nn.Unflatten(1, (4, 2, 3)),
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.Tanh(),
        nn.LayerNorm([2, 3]),
        nn.Flatten(),
        head(),
    ),
    "norm of rows": lambda: Net(
        lambda net, x: net.head(net.norm(x.view(-1, 4, 6)).flatten(1)), norm=nn.LayerNorm(6), head=head()
    ),
    "embedding": lambda: Net(
        lambda net, x: net.head(net.table(words(x, 7)).tanh().flatten(1)),
        table=nn.Embedding(7, 3, padding_idx=1),
        head=head(),
    ),
    "embedding twice": lambda: Net(
        lambda net, x: net.head((net.table(words(x, 7)) * net.table(words(x + 1, 7))).flatten(1)),
        table=nn.Embedding(7, 3, padding_idx=1),
        head=head(),
    ),
    "elementwise": lambda: nn.Sequential(square(), Scaled(WIDTH), nn.Tanh(), Scaled(1), head()),
    "elementwise on images": lambda: nn.Sequential(
        nn.Unflatten(1, (4, 2, 3)),
        Scaled(1, 4, 1, 1),
        nn.Tanh(),
        Scaled(4, 1, 3),
        nn.PReLU(4),
        nn.PReLU(),
        nn.Flatten(),
        head(),
    ),
    "positions": lambda: Net(
        lambda net, x: net.head((x.view(-1, 4, 6) + net.place).sin().flatten(1)),
        place=nn.Parameter(torch.rand(1, 4, 6)),
        head=head(),
    ),
    "partly frozen": lambda: frozen(
        nn.Sequential(square(), nn.LayerNorm(WIDTH), nn.ReLU(), head()), "0.weight", "1.bias"
    ),
    "all frozen before": lambda: frozen(nn.Sequential(square(), nn.ReLU(), head()), "0.weight", "0.bias"),
    "residual": lambda: Net(lambda net, x: net.head(x + net.first(x).relu()), first=square(), head=head()),
    "rows, in place": lambda: Net(
        lambda net, x: net.head(functional.relu(net.first(x.view(-1, 4, 6)), inplace=True).flatten(1)),
        first=nn.Linear(6, 5),
        head=head(20),
    ),
    "called for nothing": lambda: Net(
        lambda net, x: (net.first(x), net.head(net.first(x).tanh()))[1], first=square(), head=head()
    ),
}
"""Networks of which every parameter is measured by rules."""
UNUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "never used": (lambda: Net(lambda net, x: net.head(x), first=square(), head=head()), "first.weight"),
    "used for nothing": (
        lambda: Net(lambda net, x: (net.first(x), net.head(x))[1], first=square(), head=head()),
        "first.weight",
    ),
    "detached": (
        lambda: Net(lambda net, x: net.head(net.first(x).detach()), first=square(), head=head()),
        "first.weight",
    ),
}
"""Networks with a parameter that gets no gradient, and its name."""
BY_VMAP: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "its own forward": (lambda: nn.Sequential(square(), Masked(WIDTH, WIDTH), nn.Tanh(), head()), "1.weight"),
    "functional": (
        lambda: Net(
            lambda net, x: net.head(functional.linear(net.first(x).tanh(), net.first.weight)),
            first=square(),
            head=head(),
        ),
        "first.weight",
    ),
    "functional alone": (
        lambda: Net(lambda net, x: net.head(functional.linear(x, net.first.weight)), first=square(), head=head()),
        "first.weight",
    ),
    "over time": (
        lambda: Net(
            lambda net, x: net.head(net.first(x.repeat(3, 1)).reshape(3, -1, WIDTH).tanh().sum(0)),
            first=square(),
            head=head(),
        ),
        "first.weight",
    ),
    "time first": (
        lambda: Net(
            lambda net, x: net.head(net.first(x.view(-1, 2, 12).transpose(0, 1)).tanh().transpose(0, 1).flatten(1)),
            first=nn.Linear(12, 12),
            head=head(),
        ),
        "first.weight",
    ),
    "parametrized": (parametrized, "first.parametrizations.weight.original0"),
    "own parameters": (
        lambda: Net(
            lambda net, x: net.head((x.view(-1, 4, 6) @ net.mix).tanh().flatten(1)),
            mix=nn.Parameter(torch.rand(6, 6) - 0.5),
            head=head(),
        ),
        "mix",
    ),
    "transposed": (
        lambda: nn.Sequential(nn.Unflatten(1, (2, 3, 4)), nn.ConvTranspose2d(2, 2, 2), nn.Flatten(), head(40)),
        "1.weight",
    ),
    "attention": (
        lambda: Net(
            lambda net, x: net.head(net.mix(*[x.view(-1, 4, 6)] * 3, need_weights=False)[0].flatten(1)),
            mix=nn.MultiheadAttention(6, 2, batch_first=True),
            head=head(),
        ),
        "mix.in_proj_weight",
    ),
}
"""Networks with a parameter that no rule measures, and its name; the others are measured by rules."""
SINGLY: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "asks for a value": (
        lambda: Net(
            lambda net, x: net.head(functional.linear(x, net.first.weight * (2 if x.sum() > 0 else 1))),
            first=square(),
            head=head(),
        ),
        "first.weight",
    ),
    "gru": (
        lambda: Net(
            lambda net, x: net.head(net.gru(x.view(-1, 4, 6))[0].flatten(1)),
            gru=nn.GRU(6, 5, batch_first=True),
            head=head(20),
        ),
        "gru.weight_ih_l0",
    ),
}
"""Networks with a parameter that vmap cannot measure, either."""


def frozen(model: nn.Module, *names: str) -> nn.Module:
    for name in names:
        model.get_parameter(name).requires_grad_(False)
    return model


def any_network(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """In float64, with weights and statistics that depend on the seed."""
    torch.manual_seed(seed)
    model = build().double()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias):
                if tensor is not None:
                    tensor.data.uniform_(0.5, 1.5)
    return model


class Layers(nn.Module):
    """Random layers on images or sequences: convolutions of all kinds, norms, residual paths, layers used twice."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        self.uses: list[str] = []
        self.images = draw.random() < 0.6
        x = self.viewed(torch.zeros(2, WIDTH))
        for _ in range(draw.randint(1, 4)):
            self.parts.append(self._drawn(draw, x))
            self.uses.append(draw.choice(["once", "relu", "tanh", "residual", "twice"]))
            x = self._used(len(self.parts) - 1, x).detach()
        self.head = head(x.flatten(1).shape[1])

    def viewed(self, inputs: Tensor) -> Tensor:
        return inputs.view(-1, 2, 3, 4) if self.images else inputs.view(-1, 2, 12)

    def _drawn(self, draw: random.Random, x: Tensor) -> nn.Module:
        channels, sizes = x.shape[1], x.shape[2:]
        kinds: Sequence[Callable[[], nn.Module]] = (
            lambda: nn.GroupNorm(
                draw.choice([size for size in range(1, channels + 1) if channels % size == 0]), channels
            ),
            lambda: nn.LayerNorm(list(sizes)) if sizes.numel() > 1 else nn.Identity(),
            lambda: (nn.BatchNorm2d if self.images else nn.BatchNorm1d)(channels),
            lambda: Scaled(channels, *(1,) * len(sizes)),
            lambda: nn.Linear(sizes[-1], draw.randint(1, 3)),
        )
        if draw.random() < 0.4:
            return draw.choice(kinds)()
        groups = draw.choice([1, 1, channels])
        sides = [draw.randint(1, min(3, size)) for size in sizes]
        mode = draw.choice(["zeros", "zeros", "circular", "replicate"])
        padding: list[int] | str = [draw.randint(0, side - 1) for side in sides]
        strides = [draw.randint(1, 2) for _ in sides]
        dilations = [draw.randint(1, 2) if side < size / 2 else 1 for side, size in zip(sides, sizes, strict=True)]
        if draw.random() < 0.3:
            padding, strides, mode = "same", [1] * len(sides), "zeros"
        return (nn.Conv2d if self.images else nn.Conv1d)(  # type: ignore[no-any-return, operator]
            channels,
            groups * draw.randint(1, 2),
            sides,
            stride=strides,
            padding=padding,
            dilation=dilations,
            groups=groups,
            bias=draw.random() < 0.7,
            padding_mode=mode,
        )

    def _used(self, number: int, x: Tensor) -> Tensor:
        part, use = self.parts[number], self.uses[number]
        y: Tensor = part(x)
        if use == "relu":
            return functional.relu(y, inplace=True)
        if use == "tanh":
            return y.tanh()
        if use == "residual" and y.shape == x.shape:
            return x + y.tanh()
        if use == "twice" and y.shape == x.shape:
            return part(y.tanh())  # type: ignore[no-any-return]
        return y

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.viewed(inputs)
        for number in range(len(self.parts)):
            x = self._used(number, x)
        found: Tensor = self.head(x.flatten(1))
        return found


def random_layers(seed: int) -> nn.Module:
    return any_network(lambda: Layers(random.Random(seed)), seed)
