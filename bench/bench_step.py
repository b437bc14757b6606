"""What one training step costs, compiled and eager, beside the peers on the same data, as a share
of the multiply-add peak, and on more threads than one how many times faster than on one.

python -m bench.bench_step [--threads 1] [--peers torch,jax,numpy,sklearn] [--only 784-128-10]
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_step")

import time

from bench import harness, machine, own
from bench.networks import STEPS, check
from bench.record import Record, parser, threads_word

PYTORCH = {  # the fastest of which kinds
    "PyTorch": ("torch", "torch fused"),
    "fastest PyTorch": ("torch", "torch fused", "torch.compile"),
}
ON_ONE = "chainrule on 1 thread"


def begin_on(threads):
    """A turn finds the processors free: workers of whoever was on before spin for a while."""
    own.set_threads(threads)
    time.sleep(0.1)


def candidates(network, peers, threads):
    """(steps, what to call before their turns)."""
    steps = own.steps(network)
    prepare = {}
    for peer in peers:
        steps.update(peer.steps(network))
    if threads > 1:
        steps[ON_ONE] = own.compiled_step(network)
        prepare = {name: lambda: begin_on(threads) for name in (*steps, "peak")}
        prepare[ON_ONE] = lambda: begin_on(1)
    check(steps, loose=(own.BFLOAT16,))
    return steps, prepare


def measure(network, peers, threads, rounds, target=0.03):
    """{candidate: Samples}, and the Samples of quotients: {name: (unit, Samples)}."""
    steps, prepare = candidates(network, peers, threads)
    peak = machine.Peak(threads)
    timings = harness.interleaved(steps | peak.candidate(), rounds, target, prepare)
    quotients = {}
    share = peak.share(timings, "chainrule", network.flops)
    if share:
        quotients["share of the peak"] = ("share", share)
        quotients["multiply-add peak"] = ("flop/s", peak.rate(timings))
    timings.pop("peak", None)
    for title, kinds in PYTORCH.items():
        found = [timings[name] for name in kinds if name in timings]
        if found:
            timings[title] = min(found, key=lambda samples: samples.median)
    for name, samples in timings.items():
        if name not in ("chainrule", ON_ONE, own.BFLOAT16):
            quotients[f"over {name}"] = ("x", samples.per(timings["chainrule"]))
    if own.BFLOAT16 in timings:
        quotients["bfloat16 over float32"] = (
            "x",
            timings["chainrule"].per(timings[own.BFLOAT16]),
        )
    if threads > 1:
        quotients["over 1 thread"] = ("x", timings[ON_ONE].per(timings["chainrule"]))
    return timings, quotients


def show(network, timings, quotients):
    print(f"{network.name}  ({network.flops / 1e6:.2f} MFLOP)")
    for name, samples in timings.items():
        ratio = samples.median / timings["chainrule"].median
        print(f"  {name:22} {samples!s:36} {ratio:6.2f} x chainrule")
    if "share of the peak" in quotients:
        share, peak = (quotients[n][1] for n in ("share of the peak", "multiply-add peak"))
        print(
            f"  share of the peak      {100 * share.median:.1f} % ({100 * share.low:.1f} to "
            f"{100 * share.high:.1f}) of {peak.median / 1e9:.0f} GF/s"
        )


def run(record, networks, peers, rounds):
    """Measures, prints and records each network; on two threads with the round trip beside."""
    for network in networks:
        timings, quotients = measure(network, peers, record.threads, rounds)
        show(network, timings, quotients)
        for name, samples in timings.items():
            record.add(network.name, name, samples)
        for name, (unit, samples) in quotients.items():
            record.add(network.name, name, samples, unit)
        trip = machine.round_trip() if record.threads > 1 else None
        if trip:
            print(f"  round trip between the processors  {trip}")
            record.add(network.name, "round trip", trip)


def main():
    options = parser(__doc__, rounds=11)
    options.add_argument("--peers", default="torch,jax,numpy")
    options.add_argument("--only", help="a part of the names of the networks to measure")
    args = options.parse_args()
    networks = [n for n in STEPS if (args.only or "") in n.name]
    if not networks:
        names = "; ".join(n.name for n in STEPS)
        raise SystemExit(f"expected --only as a part of one of {names}; got {args.only!r}")
    harness.pin(args.threads)
    from bench.peers import load_all

    own.set_threads(args.threads)
    record = Record("step", args.threads)
    print(f"steps on {threads_word(args.threads)}")
    run(record, networks, load_all(args.peers, args.threads), args.rounds)
    record.write(args.json)


if __name__ == "__main__":
    main()
