#pragma once

#include <array>
#include <istream>
#include <optional>
#include <stop_token>
#include <streambuf>
#include <string>

namespace userctl {

/// A file to be read, or standard input, that seems to end when the person has cancelled: also while a read waits for more.
class InputFile final : private std::streambuf {
 public:
  /// Of a file that cannot be opened, error() tells why. "-" is standard input.
  InputFile(const std::string& file, const std::stop_token& stop);
  ~InputFile() override;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Its badbit is set when reading has failed.
  std::istream& stream() { return stream_; }

  /// The errno of what went wrong; 0 if nothing did.
  int error() const { return error_; }

 private:
  struct WakeUp {
    int descriptor;
    void operator()() const;
  };

  int_type underflow() override;
  /// False: the person has cancelled.
  bool AwaitInput() const;

  int descriptor_ = -1;
  bool owned_ = false;
  int error_ = 0;
  /// Ready to be read from the cancellation on.
  int cancelled_ = -1;
  std::optional<std::stop_callback<WakeUp>> on_stop_;
  std::array<char, 65536> buffer_;
  std::istream stream_{this};
};

}  // namespace userctl
