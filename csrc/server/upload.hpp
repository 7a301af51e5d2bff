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

#include "server/store.hpp"
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

// An upload that the server will never take: told to its session alone, which stays away then,
// since SDKs reset their files at the codes that name limits.
inline constexpr auto kTooLarge = wire::Code::other_session_error;
wire::ErrorInfo too_large(const wire::Upload& upload, std::uint64_t size, std::uint64_t limit);

// Shared by the jobs of one session and touched by the writer alone: after a refusal or a failure
// nothing later of that session may be integrated.
struct UploadStream {
    bool refused = false;
};

struct UploadTask {
    std::shared_ptr<UploadStream> stream;
    UploadWindow window;
    std::uint64_t locked_server_version = 0;
    bool is_news = false; // moves a cursor, so there is something to store even without entries
    wire::Body body;      // views `bytes`
    std::shared_ptr<const std::string> bytes;
};

class UploadGate {
  public:
    UploadGate() = default;
    UploadGate(wire::UploadCursor threshold, std::uint64_t locked_server_version)
        : threshold_(threshold), locked_(locked_server_version) {}

    // U3 to U9; `sent` is the newest server version in a DOWNLOAD sent to this session.
    std::optional<UploadFault> check(const wire::Upload& upload, std::uint64_t sent) const;
    // The message passed: moves on (U18 a, f). Fills in everything of the task but stream and
    // bytes.
    UploadTask accept(const wire::Upload& upload);

  private:
    wire::UploadCursor threshold_;
    wire::UploadCursor previous_;
    std::uint64_t locked_ = 0;
};

// What there is to append, nothing (a pure repetition), or why not.
using Prepared = std::variant<std::monostate, AppendRequest, UploadFault>;
Prepared prepare_append(const UploadTask& task, std::uint64_t file_ident,
                        std::uint64_t inflated_bytes_limit);

} // namespace realmsync::server
