// Which UPLOADs are acceptable (server-behaviour.md 7.2). The gate judges the head of a message
// against its session, on the loop; preparing the body (inflating, U10 to U16, dropping duplicates,
// parsing changesets) is a pure function that the writer runs just before the append. What is
// stored is the store's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "store/server_store.hpp"
#include "tuning.hpp"
#include "wire/body.hpp"
#include "wire/cursor.hpp"
#include "wire/error_code.hpp"
#include "wire/message.hpp"

namespace realmsync::server {

// Why an UPLOAD is refused. The code's level decides between session and connection.
struct UploadFault {
    wire::Code code;
    std::string message;
};

// The cursors against which the entries of one message are checked.
struct UploadWindow {
    wire::UploadCursor previous;  // progress of the message before it in the session
    wire::UploadCursor threshold; // of the client file, when the session was bound
    wire::UploadCursor progress;  // of the message
};

// Shared by the jobs of one session and touched by the writer alone: after a refusal nothing later
// of that session may be integrated.
struct UploadStream {
    bool refused = false;
};

struct UploadTask {
    std::shared_ptr<UploadStream> stream;
    UploadWindow window;
    std::uint64_t locked_server_version = 0;
    wire::Body body; // views `bytes`
    std::shared_ptr<const std::string> bytes;
};

class UploadGate {
  public:
    UploadGate() = default;
    UploadGate(wire::UploadCursor threshold, std::uint64_t locked_server_version)
        : threshold_(threshold), locked_(locked_server_version) {}

    // U3 to U9; `sent` is the newest server version in a DOWNLOAD sent to this session.
    std::optional<UploadFault> check(const wire::Upload& upload, std::uint64_t sent) const;
    // The message passed: moves on, and tells what its entries are to be checked against.
    UploadWindow accept(const wire::Upload& upload);
    // Whether the message, body aside, tells the store anything new (U18 b).
    bool is_news(const wire::Upload& upload) const {
        return upload.progress.client_version > threshold_.client_version ||
               upload.locked_server_version > locked_;
    }

  private:
    wire::UploadCursor threshold_;
    wire::UploadCursor previous_;
    std::uint64_t locked_ = 0;
};

// What there is to append, or why not. Duplicates are gone; nothing is left of a pure repetition.
std::variant<store::AppendRequest, UploadFault>
prepare_append(const UploadTask& task, std::uint64_t file_ident, const ServerTuning& tuning);

} // namespace realmsync::server
