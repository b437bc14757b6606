"""A training program as a user writes it; pyright checks it, and so what the package tells it."""

from pathlib import Path

import chainrule as cr
from chainrule import nn, optim
from chainrule.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    def __init__(self, width: int = 16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(width, 2)

    def forward(self, x: cr.Tensor) -> cr.Tensor:
        return self.head(self.body(x))

    @cr.compile
    def predict(self, x: cr.Tensor) -> cr.Tensor:
        return self(x).argmax(dim=1)


def main(folder: Path, epochs: int = 4) -> float:
    cr.manual_seed(0)
    x = cr.randn(256, 2)
    y = (cr.linalg.vector_norm(x, dim=1) > 1.0).long()
    train, valid = random_split(TensorDataset(x, y), [0.75, 0.25])
    net = Net()
    optimizer = optim.AdamW(net.parameters(), lr=0.05)
    loss_fn = nn.CrossEntropyLoss()

    @cr.compile
    def step(x: cr.Tensor, y: cr.Tensor) -> cr.Tensor:
        optimizer.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    @cr.compile()
    def squared(x: cr.Tensor) -> tuple[cr.Tensor, cr.Tensor]:
        return x * x, x

    total = cr.zeros(())
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = 0.05 / (1 + 0.1 * epoch)
        for inputs, targets in DataLoader(train, batch_size=32, shuffle=True):
            total = total + step(inputs, targets) * len(inputs)
    print(step.plans, step.stats["replays"], step.program, squared(x)[0].sum().item(), total.item())
    for name, nanoseconds in step.profile(x[:32], y[:32]):
        print(f"{name:20} {nanoseconds / 1000:.1f} us")

    evaluate = cr.compile(net.eval())
    correct = 0
    with cr.inference_mode():
        for inputs, targets in DataLoader(valid, batch_size=64):
            correct += int((evaluate(inputs).argmax(1) == targets).sum())
            correct += 0 * int(net.predict(inputs).sum())
    cr.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, folder / "run.st")
    net.load_state_dict(cr.load(folder / "run.st")["model"])
    best = evaluate.parameters()  # of the module
    widest: cr.Tensor = cr.max(net.head.weight.detach(), dim=0).values
    print(sum(p.numel() for p in best), widest.tolist(), cr.return_types.max)
    return correct / len(valid)
