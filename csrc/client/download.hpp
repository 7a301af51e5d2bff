// From the bytes of a DOWNLOAD to what the store integrates: inflating, checks E1 to E6 of
// wire-protocol.md 6.5, parsing. Pure, so that it can run on any thread. A server may send millions
// of entries, so they are never all in memory as more than their bytes: the body is checked as a
// whole, then read and parsed part by part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "client/store_job.hpp"

namespace realmsync::client {

// What is too large where a changeset has more instructions than allowed.
TooLarge too_many_instructions(const DownloadLimits& limits);

class DownloadReader {
  public:
    // A Violation if the body is none of a DOWNLOAD, TooLarge if that would cost too much to find
    // out. Refers to `download`.
    static std::variant<DownloadReader, Violation, TooLarge> open(const ReceivedDownload& download);

    // One whose body was checked before, by open(). Throws StoreError for anything else.
    static DownloadReader reopen(const ReceivedDownload& download);

    // The next part, with the progress up to it; with the last one, which may be empty, that of the
    // message. IntegrationFailed if a changeset in it is malformed. Call until is_done().
    std::variant<Integration, IntegrationFailed, TooLarge> next();
    bool is_done() const { return position_ == plain_->size(); }
    std::uint64_t original_bytes() const; // of all its changesets

  private:
    DownloadReader(const ReceivedDownload& download, std::shared_ptr<const std::string> plain)
        : download_(&download), plain_(std::move(plain)) {}

    const ReceivedDownload* download_;
    std::shared_ptr<const std::string> plain_;
    std::size_t position_ = 0;
};

} // namespace realmsync::client
