// Linear equations of some hundred unknowns at most, by LU with partial pivoting.
#pragma once

#include <cstddef>
#include <vector>

namespace amc {

// Room for up to k equations and their solution.
class Elimination {
 public:
  explicit Elimination(std::size_t k);

  // Row r of the system: its coefficients, and after the last one the right side.
  double *operator[](std::size_t r) { return &system_[r * width_]; }

  // Solve the first m equations; the solution takes the place of the right side.  What is singular
  // gives inf and nan.
  void solve(std::size_t m);

 private:
  void factor_columns(std::size_t first, std::size_t last, std::size_t end, std::size_t m);
  void solve_rows(std::size_t first, std::size_t last, std::size_t m);
  void subtract_product(std::size_t first, std::size_t last, std::size_t m);
  void substitute(std::size_t m);

  std::size_t width_;
  std::vector<double> system_, strip_;
};

}  // namespace amc
