// The modes of regions that were met before, found by the places of amplifiers.
#pragma once

#include <bit>
#include <cstring>
#include <new>
#include <vector>

#include "engine/behavioural/kernel/modes.hpp"

namespace amc {

// A table of hashes: a search reads one line of it, and asks for the modes, which are far away,
// long before they are read.
class KnownModes {
 public:
  KnownModes() : entries_(SMALLEST) {}

  // Null where they are not known.
  Modes *find(const Places &places) const {
    const std::uint64_t hash = hash_of(places);
    for (std::size_t at = hash;; ++at) {
      const Entry &entry = entries_[at & (entries_.size() - 1)];
      if (!entry.modes) return nullptr;
      if (entry.hash != hash) continue;
      entry.modes->fetch();
      if (places.size() <= sizeof(hash) || entry.modes->are_at(places)) return entry.modes;
    }
  }

  // Work out those of a region that is not known.
  Modes &add(const Network &network, const Region &region, double smallest_rate, Arena &room) {
    if (2 * ++count_ > entries_.size()) grow();
    void *at = kept_.take_as<Modes>(1);
    Modes *modes = new (at) Modes(network, region, smallest_rate, kept_, room);
    bytes_ += modes->bytes();
    insert({hash_of(region.places), modes});
    return *modes;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::uint64_t hash = 0;
    Modes *modes = nullptr;
  };
  static_assert(std::is_trivially_destructible_v<Modes>);

  static constexpr std::size_t SMALLEST = 64;

  // Of up to eight amplifiers no two are equal.
  static std::uint64_t hash_of(const Places &places) {
    std::uint64_t hash = 0;
    for (std::size_t first = 0; first < places.size(); first += sizeof(hash)) {
      std::uint64_t word = 0;
      std::memcpy(&word, places.data() + first, std::min(sizeof(word), places.size() - first));
      hash = (std::rotl(hash, 29) ^ word) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 32;
    }
    return hash;
  }

  void insert(Entry made) {
    std::size_t at = made.hash;
    while (entries_[at & (entries_.size() - 1)].modes) ++at;
    entries_[at & (entries_.size() - 1)] = made;
  }

  void grow() {
    std::vector<Entry> old(2 * entries_.size());
    old.swap(entries_);
    for (const Entry &entry : old)
      if (entry.modes) insert(entry);
  }

  std::vector<Entry> entries_;
  std::size_t count_ = 0, bytes_ = 0;
  Arena kept_;
};

}  // namespace amc
