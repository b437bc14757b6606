"""What one training step costs, eager and compiled, beside the peers on the same data; the large
networks under autocast, too.

python -m bench.bench_step [--threads 1] [--peers torch,numpy,jax,sklearn] [--json FILE]
"""

import argparse

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_step")

from bench import harness
from bench.networks import LARGE, SMALL


def make_step(network, compiled, half=False):
    import chainrule as cr
    from chainrule import nn

    layers = []
    for i, (w, b) in enumerate(network.weights()):
        linear = nn.Linear(w.shape[1], w.shape[0])
        with cr.no_grad():
            linear.weight.copy_(cr.from_numpy(w))
            linear.bias.copy_(cr.from_numpy(b))
        layers += [linear] + ([nn.ReLU()] if i < len(network.sizes) - 2 else [])
    net = nn.Sequential(*layers)
    x, y = (cr.from_numpy(a) for a in network.data())
    if network.optimizer == "sgd":
        optimizer = cr.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    else:
        optimizer = cr.optim.Adam(net.parameters(), lr=0.001)
    loss_of = nn.MSELoss() if network.regression else nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def half_step():
        optimizer.zero_grad()
        with cr.autocast("cpu", dtype=cr.bfloat16):
            loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = half_step if half else step
    return cr.compile(step) if compiled else step


def check(steps):
    """All candidates agree on the first three losses: the same work, or no comparison.

    Under autocast to the digits of bfloat16. scikit-learn draws its own weights.
    """
    losses = {name: [float(step()) for _ in range(3)] for name, step in steps.items()}
    reference = losses["chainrule"]
    for name, values in losses.items():
        if name == "scikit-learn":
            continue
        for a, b in zip(reference, values, strict=True):
            if abs(a - b) > (2e-2 if "autocast" in name else 1e-3) * max(1.0, abs(a)):
                raise SystemExit(f"{name} computes other losses: {values}, chainrule {reference}")


def measure(network, peers, rounds=15):
    steps = {"chainrule": make_step(network, False), "compiled": make_step(network, True)}
    if network in LARGE:
        steps["autocast"] = make_step(network, True, half=True)
    for peer in peers:
        steps.update(peer.steps(network))
    check(steps)
    return harness.interleaved(steps, rounds, target=0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", default="torch,numpy")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", help="where to write the figures")
    args = parser.parse_args()
    harness.pin(args.threads)
    import chainrule
    from bench.peers import load

    chainrule.set_num_threads(args.threads)
    peers = [p for p in (load(f"{name}_peer") for name in args.peers.split(",") if name) if p]
    for peer in peers:
        peer.set_threads(args.threads)
    record = {}
    for network in (*SMALL, *LARGE):
        timings = measure(network, peers, args.rounds)
        print(f"{network.name}  ({network.flops / 1e6:.2f} MFLOP)")
        for name, timing in timings.items():
            ratio = timing.median / timings["chainrule"].median
            speed = network.flops / timing.median / 1e9
            print(f"  {name:14} {timing!s:36} {ratio:5.2f} x chainrule  {speed:6.1f} GF/s")
        record[network.name] = {k: vars(v) for k, v in timings.items()}
    if args.json:
        harness.write_json(
            args.json, {"environment": harness.environment(args.threads), "steps": record}
        )


if __name__ == "__main__":
    main()
