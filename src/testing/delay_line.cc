#include "testing/delay_line.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace userclient::internal {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kLargestPiece = size_t{64} << 10;
/// Over which bandwidth is evened out.
constexpr std::chrono::milliseconds kEvening{10};
/// The part of its delay by which a byte may be later, so that it travels with others.
constexpr int kShortly = 1024;
/// A piece takes some tens of bytes besides its own.
constexpr size_t kSmallPiece = size_t{4} << 10;

/// What passes in kEvening, so that a piece holds up those behind it no longer.
size_t LargestPieceAt(int64_t bytes_per_second) {
  const int64_t evening = bytes_per_second / (std::chrono::seconds(1) / kEvening);
  return static_cast<size_t>(std::clamp<int64_t>(evening, 1, kLargestPiece));
}

nanoseconds TimeFor(size_t bytes, int64_t bytes_per_second) {
  return nanoseconds(std::llround(static_cast<double>(bytes) / static_cast<double>(bytes_per_second) * 1e9));
}

/// The end of the clock if that is sooner.
DelayLine::TimePoint After(DelayLine::TimePoint time, nanoseconds duration) {
  return time + std::min<nanoseconds>(duration, DelayLine::TimePoint::max() - time);
}

}  // namespace

void DelayLine::Set(const testing::WireFaults& faults) {
  latency_ = faults.latency;
  jitter_ = faults.jitter;
  // The debt of a narrow wire is none of a broad one's.
  if (faults.bytes_per_second != bytes_per_second_) free_at_ = {};
  bytes_per_second_ = faults.bytes_per_second;
}

size_t DelayLine::Room(TimePoint now) const {
  const size_t room = std::min(capacity_ - size_, kLargestPiece);
  if (!bytes_per_second_) return room;
  return free_at_ > now ? 0 : std::min(room, LargestPieceAt(*bytes_per_second_));
}

void DelayLine::Enter(std::string_view bytes, TimePoint now) {
  TimePoint entered = now;
  if (bytes_per_second_) {
    free_at_ = std::max(free_at_, now - kEvening) + TimeFor(bytes.size(), *bytes_per_second_);
    entered = std::max(free_at_, now);
  }
  if (pieces_.empty()) left_ = 0;
  size_ += bytes.size();
  if (CanJoinLast(bytes.size(), entered, now)) {
    pieces_.back().bytes += bytes;
    pieces_.back().entered = entered;
  } else {
    pieces_.push_back(MakePiece(bytes, entered));
  }
  if (pieces_.size() == 1) left_ += bytes.size();
}

/// Not what is due already: it would be held up.
bool DelayLine::CanJoinLast(size_t count, TimePoint entered, TimePoint now) const {
  if (pieces_.empty()) return false;
  const Piece& last = pieces_.back();
  return last.bytes.size() + count <= kSmallPiece && entered - last.first_entered < latency_ / kShortly + jitter_ / kShortly &&
         DueTime(last) > now;
}

void DelayLine::EnterEnd(End end, TimePoint now) {
  if (end_ == end || end_ == End::kReset) return;
  end_ = end;
  end_piece_ = MakePiece({}, now);
}

std::string_view DelayLine::Front(TimePoint now) const {
  if (pieces_.empty() || DueTime(pieces_.front()) > now) return {};
  const std::string_view bytes = pieces_.front().bytes;
  return bytes.substr(bytes.size() - left_);
}

void DelayLine::Leave(size_t count) {
  left_ -= count;
  size_ -= count;
  if (left_ > 0) return;
  pieces_.pop_front();
  if (!pieces_.empty()) left_ = pieces_.front().bytes.size();
}

End DelayLine::DueEnd(TimePoint now) const {
  return end_ != End::kNone && pieces_.empty() && DueTime(end_piece_) <= now ? end_ : End::kNone;
}

size_t DelayLine::DropBytes() {
  pieces_.clear();
  left_ = 0;
  return std::exchange(size_, 0);
}

std::optional<DelayLine::TimePoint> DelayLine::NextDue() const {
  if (!pieces_.empty()) return DueTime(pieces_.front());
  if (end_ != End::kNone) return DueTime(end_piece_);
  return std::nullopt;
}

std::optional<DelayLine::TimePoint> DelayLine::NextRoom(TimePoint now) const {
  if (!bytes_per_second_ || free_at_ <= now || size_ >= capacity_) return std::nullopt;
  return free_at_;
}

DelayLine::Piece DelayLine::MakePiece(std::string_view bytes, TimePoint entered) {
  // 53 bits, the same on every machine.
  const double jitter = static_cast<double>(random_() >> 11) * 0x1.0p-53;
  return {.bytes = std::string(bytes), .entered = entered, .first_entered = entered, .jitter = jitter};
}

DelayLine::TimePoint DelayLine::DueTime(const Piece& piece) const {
  const nanoseconds jitter(std::llround(static_cast<double>(jitter_.count()) * piece.jitter));
  return After(After(piece.entered, latency_), jitter);
}

}  // namespace userclient::internal
