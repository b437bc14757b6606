"""The steps in chainrule: compiled, which is what a user would run, and eager beside it."""

from bench.networks import Model, bound_step

BFLOAT16 = "chainrule bfloat16"
ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh"}


def set_threads(n):
    import chainrule

    chainrule.set_num_threads(n)


def make_net(network, seed=1):
    import chainrule as cr
    from chainrule import nn

    layers = []
    for w, b in network.weights(seed):
        linear = nn.Linear(w.shape[1], w.shape[0])
        with cr.no_grad():
            linear.weight.copy_(cr.from_numpy(w))
            linear.bias.copy_(cr.from_numpy(b))
        layers += [linear, getattr(nn, ACTIVATIONS[network.activation])()]
    return nn.Sequential(*layers[:-1])


def make_optimizer(network, net):
    import chainrule as cr

    if network.optimizer == "sgd":
        return cr.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    return cr.optim.Adam(net.parameters(), lr=0.001)


def model(network, compiled=True, seed=1, bfloat16=False):
    """`bfloat16`: products in it, under autocast; weights and update in float32."""
    import chainrule as cr
    from chainrule import nn

    net = make_net(network, seed)
    optimizer = make_optimizer(network, net)
    loss_of = nn.MSELoss() if network.regression else nn.CrossEntropyLoss()

    def forward(x, y):
        return loss_of(net(x), y)

    if bfloat16:
        forward = cr.autocast("cpu", dtype=cr.bfloat16)(forward)

    def step(x, y):
        optimizer.zero_grad()
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss

    def outputs(x):
        with cr.no_grad():
            return net(x).numpy()

    return Model(cr.compile(step) if compiled else step, outputs, cr.from_numpy)


def compiled_step(network):
    return bound_step(model(network), network)


def steps(network):
    found = {
        "chainrule": compiled_step(network),
        "chainrule eager": bound_step(model(network, compiled=False), network),
    }
    if max(network.sizes[1:]) >= 512:  # below, conversions take what the products gain
        found[BFLOAT16] = bound_step(model(network, bfloat16=True), network)
    return found
