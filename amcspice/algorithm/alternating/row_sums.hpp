// Sums over selected rows of a matrix, and over what two arrays hold on them.
//
// Rows are padded with zeros to whole lots.  Sums run in ascending order of the rows, so that they
// depend neither on what is summed up beside them nor on how many numbers the processor takes at
// once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "problem/pivoting.hpp"

namespace amc {

// Numbers that are worked on together.
inline constexpr std::size_t LOT = 8;
typedef double Lot __attribute__((vector_size(LOT * sizeof(double))));

inline std::size_t padded(std::size_t n) { return (n + LOT - 1) / LOT * LOT; }

// Rows whose numbers are summed up while they are near.
inline constexpr std::size_t PANEL = 64;

// Some of the rows that are summed up, with their right-hand sides.
struct Panel {
  const double *row[PANEL];
  const double *values;
  std::size_t count;
};

// Walks through rows panel by panel, and asks for some numbers of those to come.
class Panels {
 public:
  Panels(const Rows &rows, const double *values, std::size_t first, std::size_t last)
      : rows_(rows), values_(values), first_(first), last_(last) {}

  // Take the next panel; false if there is none.
  bool next();

  Panel panel;

 private:
  Rows rows_;
  const double *values_;
  std::size_t first_, last_, done_ = 0;
};

// Sums of products a a' and a b of rows a of a matrix, and of right-hand sides b.
class MatrixSums {
 public:
  // The matrix stands at `place` of what holds a row.
  MatrixSums(std::size_t n, std::size_t place)
      : n_(n), width_(padded(n)), place_(place), gram_(width_ * width_), linear_(width_),
        answer_(width_), slope_(width_), square_(n * n) {}

  void clear();
  void add(const Panel &panel);

  // Solve min |A x - b|^2/2 + ridge |x|^2/2 over x >= 0 for the rows that were added; `visit` is
  // called with the residuals of every panel.
  template <class Visit>
  bool solve(Pivoting &pivoting, Panels panels, double ridge, double *x, Visit visit);

  double size = 0.0, length = 0.0, largest = 0.0;  // sums of b^2 and |b|, largest |b|

 private:
  bool begin(Pivoting &pivoting, double ridge);
  void residuals(const Panel &panel, double *residual) const;
  void descend(const Panel &panel, const double *residual);
  bool end(Pivoting &pivoting, double ridge, double *x);

  std::size_t n_, width_, place_;
  std::vector<double> gram_, linear_, answer_, slope_;
  std::vector<double> square_;  // the Gram matrix without padding
};

template <class Visit>
bool MatrixSums::solve(Pivoting &pivoting, Panels panels, double ridge, double *x, Visit visit) {
  if (!begin(pivoting, ridge)) return false;
  double residual[PANEL];
  while (panels.next()) {
    residuals(panels.panel, residual);
    descend(panels.panel, residual);
    visit(panels.panel, residual);
  }
  return end(pivoting, ridge, x);
}

// Where the cells of two arrays and what hangs on a row stand in its record.
struct Places {
  explicit Places(std::size_t n)
      : sensed(padded(n)), matrix(2 * padded(n)), totals(3 * padded(n)), length(totals + LOT) {}

  std::size_t driven = 0, sensed, matrix, totals, length;
};

// Of the totals: one over all that hangs on the row, and over what is meant to.
inline constexpr std::size_t INVERSE = 1, NOMINAL_INVERSE = 2;

// Sums over the cells g to driven lines and h to sensed lines of rows with total S.
class ArraySums {
 public:
  explicit ArraySums(std::size_t n)
      : at_(n), n_(n), width_(padded(n)), products_(3 * width_ * width_), vectors_(4 * width_),
        shares_(2 * PANEL * width_) {}

  void clear();
  void add(const Panel &panel);

  // Write the conductance matrix of the lines, driven ones first, and what arrives at them.
  void write(double *conductance, double *into) const;

  double square = 0.0;  // sum of b^2/S

 private:
  void share(const Panel &panel);
  void multiply(const Panel &panel, std::size_t a, std::size_t b);
  double *between(std::size_t which, std::size_t j) {
    return &products_[(which * width_ + j) * width_];
  }
  const double *between(std::size_t which, std::size_t j) const {
    return &products_[(which * width_ + j) * width_];
  }

  Places at_;
  std::size_t n_, width_;
  std::vector<double> products_;  // of g g'/S, g h'/S, h h'/S
  std::vector<double> vectors_;   // of g b/S, h b/S, g, h
  std::vector<double> shares_;    // g/S and h/S of the rows of a panel
};

}  // namespace amc
