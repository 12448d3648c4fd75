#include "engine/behavioural/kernel/stepping_update.hpp"

namespace amc::stepping {

Dense updated_inverse(const Dense &known, const OuterProducts &added, double factor) {
  const auto &[left, right] = added;
  const std::size_t rank = left.rows, n = known.rows;
  if (rank == 0) return known;
  Dense turned(n, rank), by_left(n, rank), by_right(rank, n), system(rank, rank), weights(rank, n);
  for (std::size_t s = 0; s < rank; ++s) {
    for (std::size_t i = 0; i < n; ++i) turned[i][s] = left[s][i];
    system[s][s] = 1 / factor;
  }
  accumulate(known, turned, by_left);
  accumulate(right, known, by_right);
  accumulate(right, by_left, system);
  accumulate(inverse(std::move(system)), by_right, weights);
  for (double &weight : weights.values) weight = -weight;
  Dense result = known;
  accumulate(by_left, weights, result);
  return result;
}

}  // namespace amc::stepping
