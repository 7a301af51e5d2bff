// When the waits of a sync session are complete, as its protocol session counts (client-session.md
// 5.1, 5.2). Who waits is in waits.hpp, what follows in session.cpp and
// sync_session.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/assert.hpp"

namespace realmsync::client {

// Upload waits. A wait is for the newest version that the file has when it is registered, which a
// job has to read first. There is one version for all waits: a later one raises it, so the earlier
// ones wait for it, too, even while it is still being read.
class UploadCompletion {
  public:
    void request() { requested_ = true; }
    // The file is about to be read, and has been: `version` is its newest.
    void begin_read() { reading_ = std::exchange(requested_, false); }
    void end_read(std::uint64_t version) {
        if (std::exchange(reading_, false))
            target_ = version;
    }
    void fail_read() { requested_ = std::exchange(reading_, false) || requested_; }
    // True once, when the server has acknowledged what was waited for.
    bool take(std::uint64_t uploaded_version) {
        if (!target_ || requested_ || reading_ || uploaded_version < *target_)
            return false;
        target_.reset();
        return true;
    }

  private:
    bool requested_ = false; // the version to wait for is not being read yet
    bool reading_ = false;
    std::optional<std::uint64_t> target_;
};

// Download waits, by MARK. Each request raises the number to be marked, and only the newest one is
// sent. The server echoes it behind everything that it had when the MARK came, so whatever was sent
// before the echo is what the waits are for. That has been received when the echo arrives, but not
// stored: the download cursor of that moment is kept, and the waits are complete when the file has
// got there, unless a newer number was requested meanwhile. A bootstrap may end where the cursor
// stands already, so the messages are counted, too.
class DownloadCompletion {
  public:
    void request() { ++target_; }
    bool is_due() const { return target_ > sent_; }           // a MARK is to be sent
    bool is_answered() const { return received_ == target_; } // the newest one
    std::uint64_t send() {
        REALMSYNC_ASSERT(is_due());
        return sent_ = target_;
    }
    // A new binding: a MARK that was not answered is sent again.
    void rebind() { sent_ = received_; }
    // The echo; false if it is none of what was sent. `downloads`: how many have come.
    bool receive(std::uint64_t request, std::uint64_t download_cursor, std::uint64_t downloads) {
        if (request <= received_ || request > sent_)
            return false;
        received_ = request;
        cursor_ = download_cursor;
        downloads_ = downloads;
        return true;
    }
    // True once per completion. `downloads`: how many are dealt with.
    bool take(std::uint64_t stored_cursor, std::uint64_t downloads) {
        REALMSYNC_ASSERT(completed_ <= received_ && received_ <= sent_ && sent_ <= target_);
        if (received_ == completed_ || received_ != target_ || stored_cursor < cursor_ ||
            downloads < downloads_)
            return false;
        completed_ = target_;
        return true;
    }

  private:
    std::uint64_t target_ = 0, sent_ = 0, received_ = 0, completed_ = 0; // numbers of MARKs
    std::uint64_t downloads_ = 0;
    std::uint64_t cursor_ = 0; // server version of the download cursor when the echo came
};

} // namespace realmsync::client
