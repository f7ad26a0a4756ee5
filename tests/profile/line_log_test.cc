// The log of the samples where nobody reads it, and where the disk is full.

#include "line_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/profile/profile_service_process.h"

namespace profile_service {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using testing::Json;
using testing::ScratchDirectory;

constexpr char kLine[] = R"({"event":"request","filler":"0123456789012345678901234567890123456789012345678901234567"})";

/// A pipe, of which nothing is read but what is asked for.
class Reader {
 public:
  Reader() { EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~Reader() { close(ends_[0]); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Belongs to whoever takes it.
  int writing_end() const { return ends_[1]; }

  std::string ReadLine() {
    std::string line;
    for (char byte = 0; read(ends_[0], &byte, 1) == 1 && byte != '\n';) line.push_back(byte);
    return line;
  }

 private:
  std::array<int, 2> ends_{};
};

std::vector<std::string> LinesOf(const std::string& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void AwaitLost(const LineLog& log, int64_t lines) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (log.lost() < lines && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(log.lost(), lines);
}

TEST(LineLogTest, WritesWhatWaitsBeforeItEnds) {
  const ScratchDirectory directory;
  const std::string file = directory.Write("log", "before\n");
  {
    const auto log = LineLog::Open(file);
    ASSERT_TRUE(log.ok());
    for (int i = 0; i < 3; ++i) (*log)->Write("line " + std::to_string(i));
  }

  EXPECT_THAT(LinesOf(file), ElementsAre("before", "line 0", "line 1", "line 2"));
}

TEST(LineLogTest, AReaderThatStallsHoldsNobodyUpAndIsToldWhatItMissed) {
  constexpr int kLines = 5000;
  Reader reader;
  LineLog log(reader.writing_end(), /*most_bytes=*/20'000);

  for (int i = 0; i < kLines; ++i) log.Write(kLine);

  ASSERT_THAT(log.lost(), Gt(0));
  int64_t lines = 0, lost = 0;
  while (lines + lost < kLines) {
    const Json line = Json::parse(reader.ReadLine());
    if (line["event"] == "lines_lost") {
      lost += line["lines"].get<int64_t>();
    } else {
      ++lines;
    }
  }
  EXPECT_EQ(lines + lost, kLines);
  EXPECT_EQ(log.lost(), lost);
}

TEST(LineLogTest, AReaderThatStallsDoesNotKeepItFromEnding) {
  Reader reader;
  LineLog log(reader.writing_end());
  for (int i = 0; i < 2000; ++i) log.Write(kLine);

  log.Close();

  EXPECT_GT(log.lost(), 0);
}

TEST(LineLogTest, AReaderThatHasGoneIsNoReasonToEnd) {
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  close(ends[0]);
  LineLog log(ends[1]);

  log.Write(kLine);

  AwaitLost(log, 1);
}

/// While it lives, no file of this process grows beyond so many bytes.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &usual_), 0);
    const rlimit small = {.rlim_cur = bytes, .rlim_max = usual_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &usual_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit usual_{};
};

TEST(LineLogTest, AfterAPieceOfALineTheNextOneBeginsOnItsOwn) {
  const ScratchDirectory directory;
  const std::string file = directory.Write("log", "");
  const auto log = LineLog::Open(file);
  ASSERT_TRUE(log.ok());
  {
    const FullDisk full(20);
    (*log)->Write("0123456789");
    (*log)->Write("abcdefghijklmnop");
    AwaitLost(**log, 1);
  }

  (*log)->Write("after");
  (*log)->Close();

  const std::vector<std::string> lines = LinesOf(file);
  ASSERT_GE(lines.size(), 4u);
  EXPECT_EQ(lines[0], "0123456789");
  EXPECT_EQ(lines[1], "abcdefghi");
  const std::vector<std::string> rest(lines.begin() + 2, lines.end());
  EXPECT_THAT(rest, ::testing::UnorderedElementsAre("after", HasSubstr("\"event\":\"lines_lost\",\"lines\":1}")));
}

}  // namespace
}  // namespace profile_service
