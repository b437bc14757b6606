// The recurrence and the walk back from other operations: the oracle of the kernels, and what
// gradients of gradients go through. Additions stand in the kernels' order, sums begin with zeros
// as theirs do, so that a gradient has the same bits whether or not it can be differentiated.
#include <array>

#include "ops/recurrence.h"

namespace chainrule::ops {

namespace {

// Part i of a row's values, `hidden` each.
Tensor part(const Tensor& t, int i, int64_t hidden) { return narrow(t, -1, i * hidden, hidden); }

Tensor joined(std::initializer_list<Tensor> parts) {
  return cat(std::span<const Tensor>(parts.begin(), parts.size()), -1);
}

// Along the sequence, from steps in their order.
Tensor sequence(const Layer& l, const std::vector<Tensor>& steps) {
  std::vector<Tensor> places(steps.size());
  for (int64_t step = 0; step < l.steps; ++step) places[l.place(step)] = steps[step];
  return stack(places, 0);
}

struct State {
  Tensor h, c, gates;
};

State next_state(const Layer& l, const Tensor& x, const Tensor& product, const State& before) {
  const auto sums = [&](int i) { return add(part(x, i, l.hidden), part(product, i, l.hidden)); };
  if (l.kind == Recurrence::tanh) return {tanh(sums(0)), {}, {}};
  if (l.kind == Recurrence::relu) return {relu(sums(0)), {}, {}};
  if (l.is_gru()) {
    const Tensor r = sigmoid(sums(0)), z = sigmoid(sums(1)), late = part(product, 2, l.hidden);
    const Tensor n = tanh(add(part(x, 2, l.hidden), mul(r, late)));
    return {add(mul(sub(before.h, n), z), n), {}, joined({r, z, n, late})};
  }
  const Tensor i = sigmoid(sums(0)), f = sigmoid(sums(1)), g = tanh(sums(2)), o = sigmoid(sums(3));
  const Tensor c = add(mul(f, before.c), mul(i, g));
  return {mul(o, tanh(c)), c, joined({i, f, g, o})};
}

// Gradients on their way back: by the state that a step began with, and by what it read. `direct`
// is what a GRU's state hands on past the gates.
struct Step {
  Tensor dx, dproduct;
  Tensor h, c, direct;
};

Tensor plus(const Tensor& t, const Tensor& more) { return more.defined() ? add(t, more) : t; }

struct At {
  Tensor dh, dc;  // by the step's units and cells
  Tensor h, c, gates, h_before, c_before;
  Tensor dgates;  // may be undefined
};

Step back(const Layer& l, const Tensor& weight, const At& s) {
  if (l.kind == Recurrence::tanh || l.kind == Recurrence::relu) {
    const Tensor dx =
        l.kind == Recurrence::tanh ? tanh_backward(s.dh, s.h) : relu_backward(s.dh, s.h);
    return {dx, {}, product(dx, weight), {}, {}};
  }
  const auto gate = [&](int i) { return part(s.gates, i, l.hidden); };
  const auto more = [&](int i) {
    return s.dgates.defined() ? part(s.dgates, i, l.hidden) : s.dgates;
  };
  if (l.is_gru()) {
    const Tensor r = gate(0), z = gate(1), n = gate(2);
    const Tensor dz = plus(absorb(s.dh, sub(s.h_before, n)), more(1));
    const Tensor dn = tanh_backward(plus(absorb(s.dh, rsub(z, 1)), more(2)), n);
    const Tensor dr = sigmoid_backward(plus(absorb(dn, gate(3)), more(0)), r);
    const Tensor of_z = sigmoid_backward(dz, z);
    const Tensor dproduct = joined({dr, of_z, plus(absorb(dn, r), more(3))});
    return {joined({dr, of_z, dn}), dproduct, product(dproduct, weight), {}, absorb(s.dh, z)};
  }
  const Tensor i = gate(0), f = gate(1), g = gate(2), o = gate(3), y = tanh(s.c);
  const Tensor dc = add(s.dc, tanh_backward(absorb(s.dh, o), y));
  const Tensor dx = joined({sigmoid_backward(plus(absorb(dc, g), more(0)), i),
                            sigmoid_backward(plus(absorb(dc, s.c_before), more(1)), f),
                            tanh_backward(plus(absorb(dc, i), more(2)), g),
                            sigmoid_backward(plus(absorb(s.dh, y), more(3)), o)});
  return {dx, {}, product(dx, weight), absorb(dc, f), {}};
}

}  // namespace

Tensors compose_recurrence(const Call& call) {
  const auto& a = call.as<RecurrenceAttrs>();
  const Tensor &x = call[0], across = transpose(call[1], 0, 1), projection = call[5];
  const Layer l(a.kind, x, call[1], projection, a.reverse != 0);
  State now{call[3], call.has(4) ? call[4] : Tensor(), {}};
  std::vector<Tensor> hs, cs, gates, units;
  for (int64_t step = 0; step < l.steps; ++step) {
    const Tensor p = plus(product(now.h, across), call.has(2) ? call[2] : Tensor());
    now = next_state(l, select(x, 0, l.place(step)), p, now);
    if (l.projected) {
      units.push_back(now.h);
      now.h = product(now.h, transpose(projection, 0, 1));
    }
    hs.push_back(now.h);
    if (l.has_cells()) cs.push_back(now.c);
    if (l.kept()) gates.push_back(now.gates);
  }
  const auto all = [&](const std::vector<Tensor>& of) {
    return of.empty() ? zeros({0}, x.dtype()) : sequence(l, of);
  };
  Tensors out;
  for (const std::vector<Tensor>* of : {&hs, &cs, &gates, &units}) out.push_back(all(*of));
  return out;
}

Tensors composed_recurrence_backward(const Layer& l, const RecurrenceTensors& t) {
  std::vector<Tensor> dxs(l.steps), dstates(l.steps);
  const DType type = t.output.dtype();
  const Tensor none = zeros({l.batch, l.hidden}, type);
  Tensor dh = zeros({l.batch, l.state}, type), dc = none, direct = none;
  for (int64_t step = l.steps - 1; step >= 0; --step) {
    const int64_t place = l.place(step);
    const auto here = [&](const Tensor& of) {
      return of.defined() && of.dim() == 3 ? select(of, 0, place) : Tensor();
    };
    const auto before = [&](const Tensor& of, const Tensor& first) {
      return !first.defined() ? Tensor() : step ? select(of, 0, l.place(step - 1)) : first;
    };
    Tensor by_units = add(here(t.dy), dh);
    if (l.is_gru()) by_units = add(by_units, direct);
    if (l.projected) {
      dstates[step] = by_units;
      by_units = plus(product(by_units, t.projection), here(t.dunits));
    }
    const Step s =
        back(l, t.weight,
             {by_units, plus(dc, here(t.dcells)), here(t.output), here(t.cells), here(t.gates),
              before(t.output, t.h0), before(t.cells, t.c0), here(t.dgates)});
    dxs[step] = s.dx;
    if (l.is_gru()) dstates[step] = s.dproduct;
    dh = s.h;
    dc = s.c;
    direct = s.direct;
  }
  Tensors out;
  out.push_back(sequence(l, dxs));
  out.push_back(l.is_gru() || l.projected ? sequence(l, dstates) : Tensor());
  out.push_back(l.is_gru() ? add(dh, direct) : dh);
  out.push_back(dc);
  return out;
}

}  // namespace chainrule::ops
