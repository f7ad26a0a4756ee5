#include "testing/proxy_connection.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace userclient::internal {
namespace {

using testing::Cut;
using testing::Flow;
using testing::ProxyCounts;
using testing::ProxyFaults;
using testing::WireFaults;

/// How often a connection that is to be cut is looked at.
constexpr std::chrono::milliseconds kCutInterval{1};

bool WouldBlock(int error) { return error == EAGAIN || error == EINTR; }

/// What is still in the kernel because the peer has no room for it. What was sent and not acknowledged is not counted.
bool HasUnsentBytes(int descriptor) {
  int unsent = 0;
  return ioctl(descriptor, SIOCOUTQNSD, &unsent) == 0 && unsent > 0;
}

int PendingError(int descriptor) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void SendAtOnce(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

ProxyConnection::ProxyConnection(Options options, const ProxyFaults& faults, ProxyCounts& counts, TimePoint now)
    : upstream_(options.upstream),
      socket_buffer_(options.socket_buffer),
      scratch_(options.scratch),
      counts_(counts),
      wires_{{{.from = kClient, .to = kServer, .line = DelayLine(options.seed, options.buffer_bytes)},
              {.from = kServer, .to = kClient, .line = DelayLine(~options.seed, options.buffer_bytes)}}} {
  sides_[kClient].socket = std::move(options.client);
  SendAtOnce(sides_[kClient].socket.get());
  ++counts_.open;
  Set(faults, now);
}

void ProxyConnection::Set(const ProxyFaults& faults, TimePoint now) {
  if (closing_) return;
  SetWire(wires_[kClient], faults.to_server);
  SetWire(wires_[kServer], faults.to_client);
  const Side& server = sides_[kServer];
  if (!done_ && !server.socket && !server.gone && faults.to_server.flow == Flow::kPass) Connect(now);
}

void ProxyConnection::SetWire(Wire& wire, const WireFaults& faults) {
  if (faults.flow == Flow::kSwallow) {
    const size_t lost = wire.line.DropBytes();
    if (lost > 0) Swallow(wire, lost);
  } else if (wire.has_hole) {
    Reset();
    return;
  }
  wire.faults = faults;
  wire.left_to_cut = faults.cut_after;
  wire.left_to_corrupt = faults.corrupt_after;
  wire.line.Set(faults);
}

void ProxyConnection::Connect(TimePoint now) {
  Side& server = sides_[kServer];
  server.socket = Socket::Make(upstream_.family());
  if (!server.socket) return Unanswered(now);
  SendAtOnce(server.socket.get());
  setsockopt(server.socket.get(), SOL_SOCKET, SO_RCVBUF, &socket_buffer_, sizeof(socket_buffer_));
  setsockopt(server.socket.get(), SOL_SOCKET, SO_SNDBUF, &socket_buffer_, sizeof(socket_buffer_));
  if (connect(server.socket.get(), upstream_.get(), upstream_.size()) == 0) return;
  if (errno != EINPROGRESS) return Unanswered(now);
  server.connecting = true;
}

/// To the client it is a server that has reset the connection.
void ProxyConnection::Unanswered(TimePoint now) {
  ++counts_.unanswered;
  Side& server = sides_[kServer];
  server.hung_up = true;
  server.gone = true;
  Ended(wires_[kServer], End::kReset, now);
}

void ProxyConnection::AddTo(std::vector<pollfd>& polled, TimePoint now) {
  for (size_t i = 0; i < sides_.size(); ++i) {
    Side& side = sides_[i];
    side.place.reset();
    if (!side.socket || side.hung_up) continue;
    const bool write = side.connecting || side.full;
    const bool read = Wants(wires_[i], now);
    side.place = polled.size();
    polled.push_back({.fd = side.socket.get(),
                      .events = static_cast<decltype(pollfd::events)>((write ? POLLOUT : 0) | (read ? POLLIN : 0)),
                      .revents = 0});
  }
}

std::optional<ProxyConnection::TimePoint> ProxyConnection::NextEvent(TimePoint now) const {
  if (cutting_) return now + kCutInterval;
  std::optional<TimePoint> next;
  const auto at = [&next](std::optional<TimePoint> time) {
    if (time && (!next || *time < *next)) next = time;
  };
  for (const Wire& wire : wires_) {
    const Side& from = sides_[wire.from];
    const Side& to = sides_[wire.to];
    if (wire.faults.flow == Flow::kPass && !closing_) {
      const bool can_write = to.socket && !to.connecting && !to.full;
      const bool end_to_tell = wire.told != wire.ended && !wire.faults.lose_end;
      if (can_write && (!wire.line.empty() || end_to_tell)) at(wire.line.NextDue());
      if (wire.ended == End::kNone && !to.full) at(wire.line.NextRoom(now));
    }
    if (from.hung_up && Wants(wire, now)) at(now);
  }
  return next;
}

void ProxyConnection::Serve(const std::vector<pollfd>& polled, TimePoint now) {
  for (Side& side : sides_) {
    side.readable = side.hung_up;
    if (side.place) Look(side, polled[*side.place].revents, now);
    if (done_) return;
  }
  if (cutting_) {
    const bool sending = std::any_of(wires_.begin(), wires_.end(), [this](const Wire& wire) {
      const Side& to = sides_[wire.to];
      return wire.left_to_cut == 0 && !to.hung_up && HasUnsentBytes(to.socket.get());
    });
    if (!sending) Reset();
    return;
  }
  if (closing_) {
    ReadToTheEnd();
    return;
  }
  for (Wire& wire : wires_) {
    Read(wire, now);
    Write(wire, now);
    if (done_ || cutting_ || closing_) return;
  }
  const bool all_told = std::all_of(wires_.begin(), wires_.end(), [](const Wire& wire) { return wire.told == End::kFin; });
  const bool nobody_left = std::all_of(wires_.begin(), wires_.end(), [](const Wire& wire) { return wire.ended == End::kReset; });
  const bool never_arrived = wires_[kClient].ended != End::kNone && !sides_[kServer].socket;
  if (all_told || nobody_left || never_arrived) Close();
}

void ProxyConnection::Reset() {
  if (done_) return;
  ++counts_.reset;
  for (Side& side : sides_) side.socket.Reset();
  Close();
}

/// Whether it would take bytes, or the end, from its sender.
bool ProxyConnection::Wants(const Wire& wire, TimePoint now) const {
  const Side& from = sides_[wire.from];
  if (!from.socket || from.connecting || wire.ended != End::kNone || cutting_) return false;
  if (closing_) return true;
  switch (wire.faults.flow) {
    case Flow::kHold:
      return false;
    case Flow::kSwallow:
      return true;
    case Flow::kPass:
      break;
  }
  return sides_[wire.to].gone || (!sides_[wire.to].full && wire.line.Room(now) > 0);
}

void ProxyConnection::Look(Side& side, int events, TimePoint now) {
  if (side.connecting) {
    if (events != 0) FinishConnecting(now);
    return;
  }
  if ((events & POLLOUT) != 0) side.full = false;
  if ((events & POLLIN) != 0) side.readable = true;
  if ((events & (POLLERR | POLLHUP)) == 0) return;
  // There may be bytes to be read before the end.
  side.hung_up = true;
  side.readable = true;
  side.full = false;
  Wire& wire = wires_[&side == &sides_[kClient] ? kClient : kServer];
  if ((events & POLLERR) != 0 && wire.ended == End::kFin) Ended(wire, End::kReset, now);
}

void ProxyConnection::FinishConnecting(TimePoint now) {
  Side& server = sides_[kServer];
  server.connecting = false;
  if (PendingError(server.socket.get()) != 0) Unanswered(now);
}

void ProxyConnection::Read(Wire& wire, TimePoint now) {
  if (!sides_[wire.from].readable || !Wants(wire, now)) return;
  const bool pass = wire.faults.flow == Flow::kPass && !sides_[wire.to].gone;
  const size_t room = pass ? std::min(wire.line.Room(now), scratch_.size()) : scratch_.size();
  const ssize_t size = recv(sides_[wire.from].socket.get(), scratch_.data(), room, 0);
  if (size < 0) {
    if (!WouldBlock(errno)) Ended(wire, End::kReset, now);
  } else if (size == 0) {
    // What cannot be written to any more was reset, and has told the writer so.
    Ended(wire, sides_[wire.from].gone ? End::kReset : End::kFin, now);
  } else if (pass) {
    wire.line.Enter({scratch_.data(), static_cast<size_t>(size)}, now);
  } else if (wire.faults.flow == Flow::kSwallow) {
    Swallow(wire, static_cast<size_t>(size));
  }
}

void ProxyConnection::Write(Wire& wire, TimePoint now) {
  const Side& to = sides_[wire.to];
  if (wire.faults.flow != Flow::kPass || !to.socket || to.connecting) return;
  if (!to.gone) WriteBytes(wire, now);
  if (!cutting_ && !closing_ && !wire.faults.lose_end) TellEnd(wire, now);
}

void ProxyConnection::WriteBytes(Wire& wire, TimePoint now) {
  Side& to = sides_[wire.to];
  for (std::string_view bytes = wire.line.Front(now); !bytes.empty() && !to.full; bytes = wire.line.Front(now)) {
    const std::string_view passed = AsPassedOn(wire, bytes);
    const ssize_t size = send(to.socket.get(), passed.data(), passed.size(), MSG_NOSIGNAL);
    if (size < 0) {
      if (WouldBlock(errno)) {
        to.full = true;
      } else {
        Gone(wire, now);
      }
      return;
    }
    wire.line.Leave(static_cast<size_t>(size));
    (wire.to == kServer ? counts_.to_server : counts_.to_client) += size;
    if (wire.left_to_corrupt) *wire.left_to_corrupt = std::max<int64_t>(*wire.left_to_corrupt - size, 0);
    if (!wire.left_to_cut) continue;
    *wire.left_to_cut -= size;
    if (*wire.left_to_cut > 0) continue;
    CutNow(wire.faults.cut);
    return;
  }
}

/// What may go at once of these bytes, as the receiver is to see them.
std::string_view ProxyConnection::AsPassedOn(const Wire& wire, std::string_view bytes) const {
  bytes = bytes.substr(0, scratch_.size());
  if (wire.left_to_cut) bytes = bytes.substr(0, static_cast<size_t>(*wire.left_to_cut));
  if (!wire.left_to_corrupt) return bytes;
  if (*wire.left_to_corrupt > 0) return bytes.substr(0, static_cast<size_t>(*wire.left_to_corrupt));
  std::transform(bytes.begin(), bytes.end(), scratch_.begin(), [](char byte) { return static_cast<char>(~byte); });
  return {scratch_.data(), bytes.size()};
}

void ProxyConnection::TellEnd(Wire& wire, TimePoint now) {
  const End end = wire.line.DueEnd(now);
  if (end == End::kNone || end == wire.told) return;
  wire.told = end;
  if (end == End::kFin) {
    shutdown(sides_[wire.to].socket.get(), SHUT_WR);
    return;
  }
  for (Side& side : sides_) side.socket.Reset();
  Close();
}

void ProxyConnection::Ended(Wire& wire, End end, TimePoint now) {
  wire.ended = end;
  wire.line.EnterEnd(end, now);
}

/// Its receiver takes no more bytes. The other wire, which comes from there, tells the sender, once it has brought what is still
/// to be read.
void ProxyConnection::Gone(Wire& wire, TimePoint now) {
  Side& to = sides_[wire.to];
  to.gone = true;
  to.hung_up = true;
  wire.line.DropBytes();
  Wire& back = wires_[wire.to];
  if (back.ended == End::kFin) Ended(back, End::kReset, now);
}

void ProxyConnection::Swallow(Wire& wire, size_t bytes) {
  wire.has_hole = true;
  counts_.swallowed += static_cast<int64_t>(bytes);
}

void ProxyConnection::CutNow(Cut cut) {
  if (cut == Cut::kReset) {
    cutting_ = true;
    return;
  }
  closing_ = true;
  for (Wire& wire : wires_) Swallow(wire, wire.line.DropBytes());
  for (Side& side : sides_) shutdown(side.socket.get(), SHUT_WR);
}

void ProxyConnection::ReadToTheEnd() {
  for (Wire& wire : wires_) {
    const Side& from = sides_[wire.from];
    if (!from.readable || wire.ended != End::kNone) continue;
    const ssize_t size = recv(from.socket.get(), scratch_.data(), scratch_.size(), 0);
    if (size > 0) {
      Swallow(wire, static_cast<size_t>(size));
    } else if (size == 0) {
      wire.ended = End::kFin;
    } else if (!WouldBlock(errno)) {
      wire.ended = End::kReset;
    }
  }
  if (std::all_of(wires_.begin(), wires_.end(), [](const Wire& wire) { return wire.ended != End::kNone; })) Close();
}

void ProxyConnection::Close() {
  if (done_) return;
  done_ = true;
  --counts_.open;
  for (Side& side : sides_) side.socket.Close();
}

}  // namespace userclient::internal
