// Functions of a large matrix J times a vector, from the space that (1 - pole J)^-1 spans from
// the vector (J. van den Eshof, M. Hochbruck, Preconditioning Lanczos approximations to the matrix
// exponential, SIAM J. Sci. Comput. 27, 1438 (2006)): ten to thirty dimensions, however stiff, and
// one matrix for several steps.
#pragma once

#include "engine/behavioural/kernel/stepping_dense.hpp"

namespace amc::stepping {

// (1 - pole J)^-1, transposed.
struct Resolvent {
  const Dense *transposed = nullptr;
  double pole = 0;
};

class Krylov {
 public:
  // Room for vectors of length n.
  explicit Krylov(std::size_t n);

  // Start with a vector, followed by zeros, and what J it is for.
  void begin(const Vector &vector, const Resolvent &resolvent);

  // Add h phi(hJ) w of order 1 or 2 to out; return whether it is as exact as allowed.
  bool add_phi(int order, double step, double allowed, Vector &out);

  std::size_t dimensions() const { return size_; }

 private:
  void extend();
  Dense projected_generator(std::size_t m) const;

  Dense basis_;      // orthonormal rows
  Dense projected_;  // the resolvent in their space
  std::size_t size_ = 0, most_ = 0;
  double length_ = 0;  // of the vector it began with
  Resolvent resolvent_;
};

}  // namespace amc::stepping
