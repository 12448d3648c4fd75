#include "algorithm/alternating/row_sums.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace amc {
namespace {

// Numbers that one line of the cache holds.
constexpr std::size_t LINE = 8;

Lot load(const double *from) {
  Lot values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

void store(double *to, const Lot &values) { std::memcpy(to, &values, sizeof values); }

double sum(const Lot &v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

}  // namespace

bool Panels::next() {
  if (done_ == rows_.count) return false;
  panel.count = std::min(PANEL, rows_.count - done_);
  panel.values = values_ + done_;
  for (std::size_t i = 0; i < panel.count; ++i) panel.row[i] = rows_[done_ + i];
  done_ += panel.count;
  const std::size_t last = std::min(done_ + PANEL, rows_.count);
  for (std::size_t i = done_; i < last; ++i) {
    for (std::size_t k = first_; k < last_; k += LINE) __builtin_prefetch(rows_[i] + k);
  }
  return true;
}

void MatrixSums::clear() {
  std::fill(gram_.begin(), gram_.end(), 0.0);
  std::fill(linear_.begin(), linear_.end(), 0.0);
  size = length = largest = 0.0;
}

void MatrixSums::add(const Panel &panel) {
  for (std::size_t i = 0; i < panel.count; ++i) {
    const double value = panel.values[i];
    size += value * value, length += std::abs(value);
    largest = std::max(largest, std::abs(value));
  }
  for (std::size_t b = 0; b < width_; b += LOT) {
    Lot linear = load(&linear_[b]);
    for (std::size_t i = 0; i < panel.count; ++i) {
      linear += load(panel.row[i] + place_ + b) * panel.values[i];
    }
    store(&linear_[b], linear);
    for (std::size_t a = 0; a <= b; a += LOT) {
      double *to = &gram_[a * width_ + b];
      Lot sums[LOT];
      for (std::size_t j = 0; j < LOT; ++j) sums[j] = load(to + j * width_);
      for (std::size_t i = 0; i < panel.count; ++i) {
        const double *row = panel.row[i] + place_;
        const Lot right = load(row + b);
        for (std::size_t j = 0; j < LOT; ++j) sums[j] += row[a + j] * right;
      }
      for (std::size_t j = 0; j < LOT; ++j) store(to + j * width_, sums[j]);
    }
  }
}

bool MatrixSums::begin(Pivoting &pivoting, double ridge) {
  for (std::size_t j = 0; j < n_; ++j) {
    for (std::size_t k = 0; k < n_; ++k) {
      square_[j * n_ + k] = gram_[std::min(j, k) * width_ + std::max(j, k)];
    }
  }
  pivoting.gram.take(square_.data(), ridge);
  std::fill(answer_.begin(), answer_.end(), 0.0);
  std::fill(slope_.begin(), slope_.end(), 0.0);
  return pivoting.solve_sums(linear_.data(), length, {ridge, 0.0}, answer_.data());
}

void MatrixSums::residuals(const Panel &panel, double *residual) const {
  for (std::size_t i = 0; i < panel.count; ++i) {
    const double *row = panel.row[i] + place_;
    Lot products = load(row) * load(answer_.data());
    for (std::size_t b = LOT; b < width_; b += LOT) products += load(row + b) * load(&answer_[b]);
    residual[i] = panel.values[i] - sum(products);
  }
}

void MatrixSums::descend(const Panel &panel, const double *residual) {
  for (std::size_t b = 0; b < width_; b += LOT) {
    Lot slope = load(&slope_[b]);
    for (std::size_t i = 0; i < panel.count; ++i) {
      slope += load(panel.row[i] + place_ + b) * residual[i];
    }
    store(&slope_[b], slope);
  }
}

bool MatrixSums::end(Pivoting &pivoting, double ridge, double *x) {
  for (std::size_t j = 0; j < n_; ++j) slope_[j] -= ridge * answer_[j];
  const bool well = pivoting.correct(slope_.data(), answer_.data());
  std::copy_n(answer_.begin(), n_, x);
  return well;
}

void ArraySums::clear() {
  std::fill(products_.begin(), products_.end(), 0.0);
  std::fill(vectors_.begin(), vectors_.end(), 0.0);
  square = 0.0;
}

void ArraySums::add(const Panel &panel) {
  share(panel);
  for (std::size_t a = 0; a < width_; a += LOT) {
    for (std::size_t b = 0; b < width_; b += LOT) multiply(panel, a, b);
  }
}

// Note what every cell shares out of its row's total, and add up single columns.
void ArraySums::share(const Panel &panel) {
  for (std::size_t i = 0; i < panel.count; ++i) {
    square += panel.values[i] * panel.values[i] * panel.row[i][at_.totals + INVERSE];
  }
  for (std::size_t b = 0; b < width_; b += LOT) {
    Lot sums[4];
    for (std::size_t s = 0; s < 4; ++s) sums[s] = load(&vectors_[s * width_ + b]);
    for (std::size_t i = 0; i < panel.count; ++i) {
      const double *row = panel.row[i];
      const double inverse = row[at_.totals + INVERSE];
      const Lot driven = load(row + at_.driven + b), sensed = load(row + at_.sensed + b);
      const Lot one = driven * inverse, other = sensed * inverse;
      store(&shares_[2 * i * width_ + b], one), store(&shares_[(2 * i + 1) * width_ + b], other);
      sums[0] += one * panel.values[i], sums[1] += other * panel.values[i];
      sums[2] += driven, sums[3] += sensed;
    }
    for (std::size_t s = 0; s < 4; ++s) store(&vectors_[s * width_ + b], sums[s]);
  }
}

// Add the products of some columns with others.
void ArraySums::multiply(const Panel &panel, std::size_t a, std::size_t b) {
  Lot with_driven[LOT], with_sensed[LOT], both[LOT];
  for (std::size_t j = 0; j < LOT; ++j) {
    with_driven[j] = load(between(0, a + j) + b), with_sensed[j] = load(between(1, a + j) + b);
    both[j] = load(between(2, a + j) + b);
  }
  for (std::size_t i = 0; i < panel.count; ++i) {
    const double *one = &shares_[2 * i * width_ + a], *other = one + width_;
    const Lot driven = load(panel.row[i] + at_.driven + b);
    const Lot sensed = load(panel.row[i] + at_.sensed + b);
    for (std::size_t j = 0; j < LOT; ++j) {
      with_driven[j] += one[j] * driven, with_sensed[j] += one[j] * sensed;
      both[j] += other[j] * sensed;
    }
  }
  for (std::size_t j = 0; j < LOT; ++j) {
    store(between(0, a + j) + b, with_driven[j]), store(between(1, a + j) + b, with_sensed[j]);
    store(between(2, a + j) + b, both[j]);
  }
}

void ArraySums::write(double *conductance, double *into) const {
  const std::size_t p = 2 * n_;
  for (std::size_t j = 0; j < n_; ++j) {
    for (std::size_t k = 0; k < n_; ++k) {
      const std::size_t low = std::min(j, k), high = std::max(j, k);  // the same either way
      conductance[j * p + k] = -between(0, low)[high];
      conductance[j * p + n_ + k] = conductance[(n_ + k) * p + j] = -between(1, j)[k];
      conductance[(n_ + j) * p + n_ + k] = -between(2, low)[high];
    }
    conductance[j * p + j] += vectors_[2 * width_ + j];
    conductance[(n_ + j) * p + n_ + j] += vectors_[3 * width_ + j];
    into[j] = vectors_[j], into[n_ + j] = vectors_[width_ + j];
  }
}

}  // namespace amc
