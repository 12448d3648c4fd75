// Eigenvalues and eigenvectors of symmetric matrices that are small.
#pragma once

#include "engine/behavioural/kernel/vectors.hpp"

namespace amc {

// Of an n x n matrix, columns `padded(n)` apart with zeros below, by Householder's reduction to
// three diagonals and implicit QR with Wilkinson's shifts (Golub and Van Loan, Matrix Computations,
// 4th edition, sections 8.3.1 and 8.3.5); false where that comes to no end.  For n = 8 LAPACK's
// dsyev, whose work is in calls then, takes three times as long.  `matrix` is lost.
bool symmetric_eigenvectors(double *matrix, int n, double *values, double *vectors, Arena &room);

}  // namespace amc
