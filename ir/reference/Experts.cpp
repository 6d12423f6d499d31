//===- Experts.cpp - what the ops of mixtures of experts compute ------------------------------===//
//
// Plain loops.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Experts.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace chordal::reference {

static double dot(const float* a, const float* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i)
    sum += double(a[i]) * double(b[i]);
  return sum;
}

static void softmax(std::vector<double>& values) {
  double largest = *std::max_element(values.begin(), values.end());
  double total = 0;
  for (double& value : values)
    total += value = std::exp(value - largest);
  for (double& value : values)
    value /= total;
}

/// The indices of the `count` greatest values, in descending order, the lower of equal ones first.
static std::vector<size_t> greatest(const std::vector<double>& values, size_t count) {
  // By selection: values that are NaN have no order that a sort could work with.
  std::vector<size_t> order;
  std::vector<bool> taken(values.size());
  for (size_t k = 0; k < count; ++k) {
    size_t best = values.size();
    for (size_t i = 0; i < values.size(); ++i)
      if (!taken[i] && (best == values.size() || values[i] > values[best]))
        best = i;
    taken[best] = true;
    order.push_back(best);
  }
  return order;
}

/// Takes the experts out of the choice whose group is not among the best ones.
static void dropGroups(std::vector<double>& scores, const RouterSettings& settings) {
  size_t length = scores.size() / settings.groups;
  std::vector<double> groups;
  for (size_t g = 0; g < settings.groups; ++g) {
    std::vector<double> members(scores.begin() + g * length, scores.begin() + (g + 1) * length);
    double sum = 0;
    for (size_t best : greatest(members, std::min<size_t>(2, length)))
      sum += members[best];
    groups.push_back(sum);
  }
  std::vector<size_t> kept = greatest(groups, settings.groupsUsed);
  for (size_t e = 0; e < scores.size(); ++e)
    if (std::find(kept.begin(), kept.end(), e / length) == kept.end())
      scores[e] = -std::numeric_limits<double>::infinity();
}

std::pair<Ints, Floats> route(const Floats& logits, const Floats* bias,
                              const RouterSettings& settings) {
  using Gating = RouterSettings::Gating;
  size_t rows = logits.shape(0), experts = logits.shape(1), used = settings.used;
  Ints chosen = Ints::from_shape({rows, used});
  Floats weights = makeRows(rows, used);
  for (size_t t = 0; t < rows; ++t) {
    std::vector<double> p(logits.data() + t * experts, logits.data() + (t + 1) * experts);
    if (settings.gating == Gating::Softmax)
      softmax(p);
    else if (settings.gating == Gating::Sigmoid)
      for (double& value : p)
        value = 1 / (1 + std::exp(-value));
    std::vector<double> scores = p;
    for (size_t e = 0; bias && e < experts; ++e)
      scores[e] += double(bias->data()[e]);
    if (settings.groups > 1)
      dropGroups(scores, settings);
    std::vector<size_t> best = greatest(scores, used);
    std::vector<double> taken;
    for (size_t e : best)
      taken.push_back(p[e]);
    if (settings.gating == Gating::SoftmaxChosen)
      softmax(taken);
    double factor = double(settings.scale);
    if (settings.normalise)
      factor /= std::accumulate(taken.begin(), taken.end(), 0.0);
    for (size_t k = 0; k < used; ++k) {
      chosen.data()[t * used + k] = int32_t(best[k]);
      weights.data()[t * used + k] = float(taken[k] * factor);
    }
  }
  return {std::move(chosen), std::move(weights)};
}

Ints groupRoutes(const Ints& experts, size_t count) {
  size_t rows = experts.shape(0), used = experts.shape(1);
  std::vector<std::vector<int32_t>> pairs(count);
  for (size_t pair = 0; pair < rows * used; ++pair)
    pairs[size_t(experts.data()[pair])].push_back(int32_t(pair));
  std::vector<int32_t> chosen, offsets = {0}, sorted;
  for (size_t e = 0; e < count; ++e) {
    if (pairs[e].empty())
      continue;
    chosen.push_back(int32_t(e));
    sorted.insert(sorted.end(), pairs[e].begin(), pairs[e].end());
    offsets.push_back(int32_t(sorted.size()));
  }
  Ints routes = Ints::from_shape({rows, 3 * used + 2});
  std::fill(routes.begin(), routes.end(), 0);
  if (rows == 0)
    return routes;
  int32_t* out = routes.data();
  *out++ = int32_t(chosen.size());
  out = std::copy(chosen.begin(), chosen.end(), out);
  out = std::copy(offsets.begin(), offsets.end(), out);
  std::copy(sorted.begin(), sorted.end(), out);
  return routes;
}

Floats expertMatmul(const Floats& x, const Ints& routes, const Floats& w, const Floats* bias) {
  size_t rows = x.shape(0), used = (routes.shape(1) - 2) / 3;
  size_t outputs = w.shape(1), columns = w.shape(2);
  bool shared = x.shape(1) == columns;
  Floats y = makeRows(rows, used * outputs);
  if (rows == 0)
    return y;
  size_t groups = size_t(routes.data()[0]);
  const int32_t* experts = routes.data() + 1;
  const int32_t* offsets = experts + groups;
  const int32_t* pairs = offsets + groups + 1;
  for (size_t g = 0; g < groups; ++g) {
    size_t expert = size_t(experts[g]);
    const float* matrix = w.data() + expert * outputs * columns;
    for (int32_t i = offsets[g]; i < offsets[g + 1]; ++i) {
      size_t token = size_t(pairs[i]) / used, k = size_t(pairs[i]) % used;
      const float* in = x.data() + token * x.shape(1) + (shared ? 0 : k * columns);
      for (size_t r = 0; r < outputs; ++r)
        y.data()[(token * used + k) * outputs + r] =
            float(dot(in, matrix + r * columns, columns) +
                  (bias ? double(bias->data()[expert * outputs + r]) : 0.0));
    }
  }
  return y;
}

Floats combine(const Floats& x, const Floats& weights) {
  size_t rows = x.shape(0), used = weights.shape(1), columns = x.shape(1) / used;
  Floats y = makeRows(rows, columns);
  for (size_t t = 0; t < rows; ++t)
    for (size_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (size_t k = 0; k < used; ++k)
        sum +=
            double(weights.data()[t * used + k]) * double(x.data()[(t * used + k) * columns + c]);
      y.data()[t * columns + c] = float(sum);
    }
  return y;
}

Floats headMatmul(const Floats& x, const Floats& w) {
  size_t rows = x.shape(0), heads = w.shape(0), outputs = w.shape(1), columns = w.shape(2);
  Floats y = makeRows(rows, heads * outputs);
  for (size_t item = 0; item < rows * heads; ++item)
    for (size_t r = 0; r < outputs; ++r)
      y.data()[item * outputs + r] = float(dot(
          x.data() + item * columns, w.data() + (item % heads * outputs + r) * columns, columns));
  return y;
}

Floats headSlice(const Floats& x, size_t headDim, size_t begin, size_t size) {
  size_t rows = x.shape(0), heads = x.shape(1) / headDim;
  Floats y = makeRows(rows, heads * size);
  for (size_t item = 0; item < rows * heads; ++item)
    std::copy_n(x.data() + item * headDim + begin, size, y.data() + item * size);
  return y;
}

Floats headJoin(const Floats& first, const Floats& second, size_t heads) {
  size_t rows = first.shape(0), a = first.shape(1) / heads, b = second.shape(1) / heads;
  Floats y = makeRows(rows, heads * (a + b));
  for (size_t item = 0; item < rows * heads; ++item) {
    std::copy_n(first.data() + item * a, a, y.data() + item * (a + b));
    std::copy_n(second.data() + item * b, b, y.data() + item * (a + b) + a);
  }
  return y;
}

double clampedSwiglu(double gate, double up) {
  // Written so that a NaN stays one.
  double g = gate > 7 ? 7 : gate;
  double u = up > 7 ? 7 : up < -7 ? -7 : up;
  return g / (1 + std::exp(-1.702 * g)) * (u + 1);
}

} // namespace chordal::reference
