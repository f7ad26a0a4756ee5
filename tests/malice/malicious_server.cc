#include "tests/malice/malicious_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

namespace userclient::testing {
namespace {

constexpr size_t kFrameHeaderSize = 9;

uint32_t NumberAt(const std::string& bytes, size_t position, size_t size) {
  uint32_t number = 0;
  for (size_t i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(bytes[position + i]);
  return number;
}

}  // namespace

bool MaliciousConnection::AwaitPreface() {
  std::string bytes;
  return Receive(bytes, kClientPreface.size());
}

std::optional<uint32_t> MaliciousConnection::AwaitRequest(const SettingsList& settings) {
  if (!greeted_) {
    greeted_ = true;
    if (!AwaitPreface() || !Send(Settings(settings))) return std::nullopt;
  }
  while (const std::optional<ReceivedFrame> frame = ReceiveFrame()) {
    const bool of_request = frame->type == FrameType::kHeaders || frame->type == FrameType::kData;
    if (!of_request || (frame->flags & kEndStream) == 0) continue;
    stream_window_ = initial_window_;
    return frame->stream;
  }
  return std::nullopt;
}

bool MaliciousConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    sent_ += sent;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool MaliciousConnection::SendData(uint32_t stream, std::string_view bytes) {
  constexpr int64_t kLargestFrame = 16384;
  while (!bytes.empty()) {
    const int64_t size = std::min({std::ssize(bytes), kLargestFrame, window_, stream_window_});
    if (size <= 0) {
      const std::optional<ReceivedFrame> frame = ReceiveFrame();
      if (!frame || (frame->type == FrameType::kRstStream && frame->stream == stream)) return false;
      if (frame->type == FrameType::kWindowUpdate && frame->stream == stream) stream_window_ += NumberAt(frame->payload, 0, 4);
      continue;
    }
    if (!Send(Data(stream, bytes.substr(0, static_cast<size_t>(size))))) return false;
    window_ -= size;
    stream_window_ -= size;
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

void MaliciousConnection::Flood(std::string_view bytes, Pace pace, int64_t enough) {
  const size_t at_once = pace == Pace::kMeasured ? 4096 : 65536;
  std::string piece;
  do {
    piece += bytes;
  } while (piece.size() < at_once);
  std::array<char, 65536> dropped;
  do {
    // What the client says must not pile up, or it would wait for us.
    while (recv(socket_, dropped.data(), dropped.size(), MSG_DONTWAIT) > 0) {
    }
    if (pace == Pace::kMeasured) std::this_thread::sleep_for(std::chrono::milliseconds(4));
  } while (Send(piece) && sent_ < enough);
}

void MaliciousConnection::Drip(std::string_view bytes, std::chrono::milliseconds pause) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    pollfd gone = {.fd = socket_, .events = POLLRDHUP, .revents = 0};
    if (!Send(bytes.substr(i, 1)) || poll(&gone, 1, static_cast<int>(pause.count())) != 0) return;
  }
  Linger();
}

void MaliciousConnection::Linger() {
  std::array<char, 4096> dropped;
  while (recv(socket_, dropped.data(), dropped.size(), 0) > 0) {
  }
}

bool MaliciousConnection::Receive(std::string& bytes, size_t size) {
  bytes.resize(size);
  return size == 0 || recv(socket_, bytes.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

std::optional<MaliciousConnection::ReceivedFrame> MaliciousConnection::ReceiveFrame() {
  std::string header;
  if (!Receive(header, kFrameHeaderSize)) return std::nullopt;
  ReceivedFrame frame = {.type = static_cast<FrameType>(header[3]),
                         .flags = static_cast<uint8_t>(header[4]),
                         .stream = NumberAt(header, 5, 4) & 0x7fffffff};
  if (!Receive(frame.payload, NumberAt(header, 0, 3)) || !Acknowledge(frame)) return std::nullopt;
  return frame;
}

bool MaliciousConnection::Acknowledge(const ReceivedFrame& frame) {
  const bool ack = (frame.flags & kAck) != 0;
  if (frame.type == FrameType::kPing && !ack) return Send(Ping(kAck, frame.payload));
  if (frame.type == FrameType::kWindowUpdate && frame.stream == 0) window_ += NumberAt(frame.payload, 0, 4);
  if (frame.type != FrameType::kSettings || ack) return true;
  for (size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
    if (NumberAt(frame.payload, at, 2) != kInitialWindowSize) continue;
    const int64_t initial = NumberAt(frame.payload, at + 2, 4);
    stream_window_ += initial - initial_window_;
    initial_window_ = initial;
  }
  return Send(SettingsAck());
}

MaliciousServer::MaliciousServer(Behaviour behaviour)
    : behaviour_(std::move(behaviour)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(listener_, SOMAXCONN), 0);
  EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  acceptor_ = std::thread([this] { Accept(); });
}

MaliciousServer::~MaliciousServer() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (int open : sockets_) shutdown(open, SHUT_RDWR);
  }
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  for (std::thread& thread : threads_) thread.join();
}

void MaliciousServer::Accept() {
  int connection = -1;
  while ((connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
    ++connections_;
    const std::lock_guard lock(mutex_);
    if (stopped_) {
      close(connection);
      return;
    }
    sockets_.push_back(connection);
    threads_.emplace_back([this, connection] { Serve(connection); });
  }
}

void MaliciousServer::Serve(int socket) {
  MaliciousConnection connection(socket, sent_);
  behaviour_(connection);
  const std::lock_guard lock(mutex_);
  sockets_.erase(std::find(sockets_.begin(), sockets_.end(), socket));
  close(socket);
}

}  // namespace userclient::testing
