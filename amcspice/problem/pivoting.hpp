// Regressions with x >= 0 by block principal pivoting; see block_pivoting.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "native/arrays.hpp"

namespace amc {

// Rows of a matrix that count, ascending.
struct Rows {
  Matrix matrix;
  const std::int64_t *index;
  std::size_t count;

  const double *operator[](std::size_t i) const { return matrix[index[i]]; }
};

// The Gram matrix of some rows, with ridge, and the lengths of its columns.
class Gram {
 public:
  explicit Gram(std::size_t n)
      : n(n), sizes(n), members(n), values(n * n), factor(n * n) {}

  void accumulate(const Rows &rows, double ridge);

  // Take sums over rows that were made elsewhere, in full, n x n.
  void take(const double *sums, double ridge);

  // Eliminate the variables that are members; tell whether no pivot was too small over its
  // diagonal entry.
  bool eliminate(double smallest);

  // Solve the system that `eliminate` has prepared, in place.
  void substitute(double *part) const;

  const double *operator[](std::size_t j) const { return &values[j * n]; }

  const std::size_t n;
  std::vector<double> sizes;
  std::vector<std::size_t> members;  // the first `count` are variables to solve for
  std::size_t count = 0;

 private:
  void regularise(double ridge);

  std::vector<double> values;
  // U with L U = Gram and L_ba = U_ab / U_aa; on its diagonal are the reciprocals.
  std::vector<double> factor;
};

struct Penalty {
  double ridge, lasso;
};

// Regressions one after the other, in the same memory.
class Pivoting {
 public:
  explicit Pivoting(std::size_t n)
      : gram(n), n_(n), linear_(n), slack_(n), slope_(n), part_(n), passive_(n) {}

  // Solve one regression into x, which is zero before; tell whether that went well.
  bool solve(const Rows &rows, const double *vector, Penalty penalty, double *__restrict x);

  // Solve one of which the sums are known: the Gram matrix, products A'b, and the 1-norm of b.  The
  // answer is as exact as these allow; `correct` takes it further.
  bool solve_sums(const double *products, double length, Penalty penalty, double *__restrict x);

  // Correct an answer once, with the negative gradient at x, which the residual of the matrix
  // itself gave; tell whether it is optimal.
  bool correct(double *__restrict slope, double *__restrict x);

  Gram gram;

 private:
  void begin(const Rows &rows, const double *vector, double lasso);
  bool answer(double *x);
  bool pivot();
  bool try_passive();
  bool is_wrong(std::size_t j) const {
    return passive_[j] ? slope_[j] < 0 : slope_[j] > slack_[j];
  }

  std::size_t n_;
  // Negative gradient at zero, and how much of it is rounding.
  std::vector<double> linear_, slack_;
  // Negative gradient, of passive variables the value; the solution of these alone.
  std::vector<double> slope_, part_;
  std::vector<std::uint8_t> passive_;
};

}  // namespace amc
