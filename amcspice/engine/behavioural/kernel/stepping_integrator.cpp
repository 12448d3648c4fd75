#include "engine/behavioural/kernel/stepping_integrator.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include "engine/behavioural/kernel/dense.hpp"

namespace amc::stepping {

namespace {

constexpr double INFINITE = std::numeric_limits<double>::infinity();

// How far an event may be overstepped, as a fraction of the scale (an error of its square) and of
// the way to equilibrium (so that pieces cannot take turns around it).
constexpr double LANDING = 1e-3, LANDING_SHARE = 0.1;

// Overstepping that is none, as a fraction of the scale.
constexpr double SLACK = 1e-9;

// Change of the answer that ends the growth of a Krylov space, as a fraction of the largest state.
constexpr double KRYLOV_ERROR = 1e-10;

// Of the first step that is tried after an input step.
constexpr int FIRST_LEVEL = 11;

// Largest correction of a step for slewing, as a fraction of the step.
constexpr double STALL = 0.1;

// Input over the knee of the slew limit from which on a stage slews at full rate, tanh(20) is 1;
// and below which it does no more.
constexpr double FULL = 20, FULL_NO_MORE = 10;

// Longest way in a step meanwhile, over the settling band and the scale: ramps are shown so finely
// that straight lines or any others between samples meet the band's edge at the same time.
constexpr double RAMP = 0.1, FINEST_RAMP = 1e-4;

}  // namespace

Integrator::Integrator(const Equations &eq, Pieces &pieces, const Control &control,
                       std::span<const std::int64_t> outputs, const double *start,
                       std::vector<double> &samples, Interrupts &interrupts)
    : eq_(eq), pieces_(pieces), control_(control), outputs_(outputs), samples_(samples),
      interrupts_(interrupts), k_(eq.amplifiers()), c_(eq.ports()), n_(eq.states()),
      slews_(eq.slew < INFINITE), u_(start, start + n_), code_(k_), over_(k_), prior_(k_),
      outside_{Vector(k_), Vector(k_)}, constant_(n_), difference_0_(k_),
      watched_0_(watched_nodes(eq)), rate_(n_), way_(n_), lost_(k_), lost_then_(k_),
      difference_(k_), watched_(watched_0_.size()), trial_(n_), correction_(n_),
      way_space_(pieces.large() ? n_ : 0), slew_space_(pieces.large() ? n_ : 0) {
  while (highest_ > 0 && std::ldexp(control_.base, highest_) > control_.longest_step) --highest_;
}

bool Integrator::run(const Drive &drive) {
  begin(drive);
  bool at_rest = false;
  for (long steps = 0;; ++steps) {
    if (changed_) enter_piece();
    record();
    if (at_rest) record_rest();
    if (at_rest || t_ >= control_.longest || steps >= control_.most) return at_rest;
    const Outlook outlook = look_ahead();
    at_rest = advance(outlook, choose_step(outlook));
  }
}

void Integrator::begin(const Drive &drive) {
  drive_ = drive;
  scale_ = std::max({SMALLEST_SCALE, largest(u_.data(), n_), largest(drive.difference, k_)});
  changed_ = true;
  t_ = 0.0;
  level_ = std::min(FIRST_LEVEL, highest_);
  wanted_ = 0;
  events_ = 0;
}

// All pieces at once at first; then one at a time, which ends for the P-matrices that passive
// networks give (K. Murty's least-index rule).
void Integrator::enter_piece() {
  const std::size_t attempts = 20 + 8 * k_;
  for (std::size_t attempt = 0; attempt < attempts; ++attempt) {
    interrupts_.check();
    piece_ = pieces_.find(eq_, code_, piece_);
    if (!pieces_.large()) piece_->linear().watched.constant(drive_.held, watched_0_);
    watch(u_);
    if (events(eq_, code_, u_, watched_, outside_, over_) <= SLACK * scale_) break;
    flip(eq_, code_, u_, over_, SLACK * scale_, attempt >= 10);
  }
  prior_ = over_;
  changed_ = false;
  if (pieces_.large()) return;
  piece_->linear().difference.constant(drive_.held, difference_0_);
  piece_->linear().rate.constant(drive_.held, constant_);
  for (std::size_t i = 0; i < k_; ++i) {
    difference_0_[i] += drive_.difference[i];
    if (code_[i].full == 1) constant_[i] += eq_.unity * drive_.difference[i];
  }
  for (std::size_t i = 0; i < c_; ++i) constant_[n_ - c_ + i] += drive_.charge[i];
}

// Fill in the nodes that are watched.
void Integrator::watch(const Vector &state) {
  if (const Factored *factored = piece_->factored()) {
    factored->flow(state.data(), &drive_, flow_, watched_);
  } else {
    watched_ = watched_0_;
    add(piece_->linear().watched.by_state, state.data(), watched_.data());
  }
}

void Integrator::find_differences(const Vector &state) {
  if (const Factored *factored = piece_->factored()) {
    watch(state);
    factored->differences(state.data(), &drive_, flow_, difference_);
  } else {
    difference_ = difference_0_;
    add(piece_->linear().difference.by_state, state.data(), difference_.data());
  }
}

// Fill in the rates of the state, whose nodes were looked at last, and if it slews the differences.
void Integrator::find_rates() {
  if (const Factored *factored = piece_->factored()) {
    factored->differences(u_.data(), &drive_, flow_, difference_);
    factored->rates(u_.data(), &drive_, flow_, difference_, rate_);
  } else {
    rate_ = constant_;
    add(piece_->linear().rate.by_state, u_.data(), rate_.data());
    if (slews_) find_differences(u_);
  }
}

void Integrator::record() {
  samples_.push_back(t_);
  samples_.insert(samples_.end(), outside_.sources.begin(), outside_.sources.end());
  samples_.insert(samples_.end(), outside_.held.begin(), outside_.held.end());
  samples_.insert(samples_.end(), u_.end() - std::ptrdiff_t(c_), u_.end());
}

// What rests stays: samples enough to see it by the waveform alone.
void Integrator::record_rest() {
  for (int i = 0; i < TAIL; ++i) {
    t_ += std::min(0.04 * std::max(t_, 1 / eq_.unity), control_.longest_step);
    record();
  }
}

Integrator::Outlook Integrator::look_ahead() {
  Outlook ahead;
  bool ramps = false;
  find_rates();
  if (slews_) {
    ahead.active = slewing(difference_, lost_) > 0.0;
    for (std::size_t i = 0; i < k_; ++i) {
      rate_[i] += lost_[i];
      const bool full = code_[i].full != 1;
      ahead.active |= full;
      // At its limit an internal node may rest although its input stage slews.
      ahead.slewing |= code_[i].inner == 1 && (full || std::abs(lost_[i]) > eq_.slew);
      ramps |= code_[i].inner == 1 && full;
    }
  }
  piece_->solve(rate_, way_);
  ahead.distance = largest(way_.data(), n_);
  for (const std::int64_t i : outputs_) {
    ahead.output_distance = std::max(ahead.output_distance, std::abs(way_[i]));
    ahead.largest = std::max(ahead.largest, std::abs(u_[i] - way_[i]));
  }
  // Fine steps around the settling band, long ones once nothing depends on them.
  const double band = control_.band * ahead.largest;
  double share = control_.resolution;
  if (ahead.output_distance < 0.2 * band && !ahead.slewing) {
    share *= 3;
  } else if (0.5 * band < ahead.output_distance && ahead.output_distance < 2 * band) {
    share /= 2;
  }
  ahead.allowed = share * std::max(ahead.distance, 1e-3 * scale_);
  if (ramps) {
    ahead.allowed = std::min(ahead.allowed, std::max(RAMP * control_.band, FINEST_RAMP) * scale_);
  }
  ahead.output_allowed = share * std::max(ahead.output_distance, 0.05 * band);
  // Pieces that keep taking turns are narrower than what may be overstepped.
  const double landing = std::min(LANDING * scale_, LANDING_SHARE * ahead.distance);
  const int turns = int(events_ / long(4 * k_));
  ahead.landing = std::max(std::ldexp(landing, -turns), 10 * SLACK * scale_);
  const bool limited = std::ranges::any_of(code_, [](Place place) {
    place.full = 1;
    return place != Place{};
  });
  ahead.at_rest = ahead.distance < control_.rest * scale_ &&
                  ahead.output_distance < control_.rest * ahead.largest &&
                  (ahead.slewing ? rests_slewing() : control_.stable > 0 || limited);
  return ahead;
}

// Whether a circuit is at rest while input stages are beyond their slew rate, as those that hold
// an output which takes all they can give: by the equations linearised where they are.
bool Integrator::rests_slewing() const {
  const Linear linear = linearise(eq_, code_);
  std::vector<double> bent(n_ * n_), inverted, vectors(n_ * n_);
  for (std::size_t j = 0; j < n_; ++j) {
    std::copy_n(linear.rate.by_state[j], n_, bent.begin() + j * n_);
    for (std::size_t i = 0; i < k_; ++i) {
      const double bend = std::tanh(eq_.unity * difference_[i] / eq_.slew);
      const double linearly = eq_.unity * linear.difference.by_state[j][i];
      bent[j * n_ + i] += ((1 - bend * bend) - (code_[i].full == 1)) * linearly;
    }
  }
  inverted = bent;
  invert(inverted.data(), int(n_));
  Vector way(n_);
  for (std::size_t j = 0; j < n_; ++j)
    for (std::size_t i = 0; i < n_; ++i) way[i] += inverted[j * n_ + i] * rate_[j];
  if (!(largest(way.data(), n_) < control_.rest * scale_)) return false;
  std::vector<std::complex<double>> values(n_);
  Arena room;
  return eigenvectors(bent.data(), int(n_), values.data(), vectors.data(), nullptr, room) &&
         std::ranges::all_of(values, [](const auto &value) { return value.real() < 0; });
}

// Note which input stages slew at full rate; return whether others do than before.  What is
// without a leak has no end of its ramp to go to.
bool Integrator::slews_fully() {
  bool changed = false;
  for (std::size_t i = 0; i < k_; ++i) {
    const double ratio = eq_.unity * difference_[i] / eq_.slew, size = std::abs(ratio);
    const std::uint8_t now = code_[i].full, side = ratio > 0 ? 2 : 0;
    const bool full = eq_.leak[i] > 0 && size > (now == side ? FULL_NO_MORE : FULL);
    code_[i].full = full ? side : 1;
    changed |= code_[i].full != now;
  }
  return changed;
}

// Fill in what the slew limit takes away from the rates; return the largest share of it.
double Integrator::slewing(const Vector &difference, Vector &lost) const {
  for (std::size_t i = 0; i < k_; ++i) {
    const double ratio = eq_.unity * difference[i] / eq_.slew;
    const double square = ratio * ratio;
    if (code_[i].full != 1) {
      lost[i] = eq_.slew * (std::tanh(ratio) - (code_[i].full == 2 ? 1.0 : -1.0));
    } else if (square < 1e-3) {  // the series is exact to 1e-12 of the slew rate there
      const double series = 1.0 / 3 - square * (2.0 / 15 - square * (17.0 / 315));
      lost[i] = -eq_.slew * ratio * square * series;
    } else {
      lost[i] = eq_.slew * (std::tanh(ratio) - ratio);
    }
  }
  return largest(lost.data(), k_);
}

Integrator::Trial Integrator::choose_step(const Outlook &outlook) {
  Resolvent resolvent;
  while (true) {
    interrupts_.check();
    bool finite = true;
    const Trial trial = attempt(outlook, resolvent, finite);
    if (!finite && level_ > 0) {  // a growing mode, or far too long a step
      --level_;
      continue;
    }
    const bool landed = trial.worst <= outlook.landing;
    const bool fine =
        trial.error <= control_.tolerance * scale_ && trial.moved <= 2 && !trial.stalls;
    if (level_ == 0 || (landed && fine)) return trial;
    if (landed) {
      --level_;
    } else {
      wanted_ = std::max(wanted_, level_);
      level_ -= halvings(prior_, over_, outlook.landing, level_);
    }
  }
}

// Make a step of the present level to `trial_`.
Integrator::Trial Integrator::attempt(const Outlook &outlook, Resolvent &resolvent, bool &finite) {
  const double step = std::ldexp(control_.base, level_), rounding = KRYLOV_ERROR * scale_;
  const Piece::Step *by_matrices = nullptr;
  Trial trial;
  trial_ = u_;
  if (pieces_.large()) {
    const Resolvent fitting = pieces_.resolvent(piece_, level_, control_.base);
    if (fitting.pole != resolvent.pole) way_space_.begin(rate_, resolvent = fitting);
    finite = way_space_.add_phi(1, step, rounding, trial_);
  } else {
    by_matrices = &piece_->step(level_, control_.base, slews_);
    add(by_matrices->forward, (slews_ ? rate_ : way_).data(), trial_.data());
  }
  if (outlook.active) {
    find_differences(trial_);
    slewing(difference_, lost_then_);
    for (std::size_t i = 0; i < k_; ++i) lost_then_[i] -= lost_[i];
    std::ranges::fill(correction_, 0.0);
    if (pieces_.large()) {
      slew_space_.begin(lost_then_, resolvent);
      finite &= slew_space_.add_phi(2, step, rounding, correction_);
    } else {
      add({by_matrices->phi2[0], k_, n_}, lost_then_.data(), correction_.data());
    }
    for (std::size_t i = 0; i < n_; ++i) trial_[i] += correction_[i];
    trial.error = largest(correction_.data(), n_);
  }
  for (std::size_t i = 0; i < n_; ++i) {
    const double change = std::abs(trial_[i] - u_[i]);
    finite &= change < INFINITE;
    trial.moved = std::max(trial.moved, change);
  }
  if (!finite && level_ > 0) return trial;
  // A step much longer than the time constants gets nowhere while an output slews.
  trial.stalls = trial.error > STALL * trial.moved &&
                 trial.error > control_.rest * control_.tolerance * scale_;
  trial.moved /= outlook.allowed;
  for (const std::int64_t i : outputs_) {
    trial.moved = std::max(trial.moved, std::abs(trial_[i] - u_[i]) / outlook.output_allowed);
  }
  watch(trial_);
  trial.worst = events(eq_, code_, trial_, watched_, outside_, over_);
  return trial;
}

// Take the step; return whether the circuit is at rest after it.
bool Integrator::advance(const Outlook &outlook, const Trial &trial) {
  t_ += std::ldexp(control_.base, level_);
  u_ = trial_;
  scale_ = std::max(scale_, largest(u_.data(), n_));
  if (trial.worst > SLACK * scale_) {
    flip(eq_, code_, u_, over_, SLACK * scale_, false);
    changed_ = true;
    ++events_;
    level_ = std::max(level_, wanted_);
    wanted_ = 0;
    return false;
  }
  prior_ = over_;
  if (outlook.active && slews_fully()) changed_ = true;
  if (level_ < highest_ && trial.moved < 1 && trial.error < 0.2 * control_.tolerance * scale_) {
    ++level_;
  }
  return outlook.at_rest;
}

}  // namespace amc::stepping
