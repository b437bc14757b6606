"""What objects print of themselves: what they hold, never an address."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.utils import data


def test_data_sets_and_samplers():
    rows = data.TensorDataset(cr.ones(3, 2))
    parts = data.random_split(rows, [2, 1])
    assert repr(rows) == "TensorDataset(3 samples)"
    assert repr(parts) == "[Subset(2 of 3 samples), Subset(1 of 3 samples)]"
    assert repr(rows + rows) == "ConcatDataset(6 samples)"
    assert repr(data.RandomSampler(rows)) == "RandomSampler(3 samples)"
    assert repr(data.SubsetRandomSampler([1, 2])) == "SubsetRandomSampler(2 samples)"
    batches = data.BatchSampler(range(5), 2, False)
    assert repr(batches) == "BatchSampler(batch_size=2, drop_last=False)"

    class Stream(data.IterableDataset):
        pass

    assert repr(Stream()) == "Stream()"


def test_the_data_of_a_name():
    pytest.importorskip("sklearn", reason="pip install scikit-learn")
    iris, diabetes = cr.datasets.load("iris"), cr.datasets.load("diabetes")
    assert repr(iris) == "Data('iris', 150 rows, 4 features, 3 classes)"
    assert repr(diabetes) == "Data('diabetes', 442 rows, 10 features)"


def test_generators_and_modes():
    generator = cr.Generator().manual_seed(7)
    assert repr(generator) == "Generator(seed=7, offset=0)"
    cr.rand(3, generator=generator)
    assert repr(generator) == "Generator(seed=7, offset=1)"
    modes = [cr.no_grad(), cr.enable_grad(), cr.set_grad_enabled(True), cr.inference_mode()]
    names = ["no_grad()", "enable_grad()", "set_grad_enabled(True)", "inference_mode(True)"]
    assert [repr(mode) for mode in modes] == names


def test_compiled_functions_count_in_words():
    def double(x):
        return x * 2

    fast, name = cr.compile(double), double.__qualname__
    assert repr(fast) == f"<compiled {name}: 0 plans, 0 replays>"
    for words in (
        "0 plans, 0 replays",
        "1 plan, 0 replays",
        "1 plan, 1 replay",
        "1 plan, 2 replays",
    ):
        fast(cr.ones(2))
        assert repr(fast) == f"<compiled {name}: {words}>"


def test_no_address_is_printed():
    net = nn.Sequential(nn.Linear(2, 2))
    loader = data.DataLoader(data.TensorDataset(cr.ones(3, 2)))
    for thing in (net, loader, cr.optim.SGD(net.parameters(), 0.1), cr.compile(net), cr.History()):
        assert " at 0x" not in repr(thing)
