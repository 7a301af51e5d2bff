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

#include "base/work.hpp"
#include "server/store.hpp"
#include "wire/body.hpp"
#include "wire/cursor.hpp"
#include "wire/error_code.hpp"
#include "wire/message.hpp"

namespace realmsync::server {

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
wire::ErrorInfo never_taken(std::string_view message);
// Changes of a user who may only read (AppendRequest::may_write).
Refusal may_only_read();

// Shared by the jobs of one session and touched by the writer alone: after a refusal or a failure
// nothing later of that session may be integrated.
struct UploadStream {
    bool refused = false;
};

struct UploadTask {
    std::shared_ptr<UploadStream> stream;
    UploadWindow window;
    std::uint64_t locked_server_version = 0;
    bool is_news = false;  // moves a cursor, so there is something to store even without entries
    bool may_write = true; // as AppendRequest says
    std::shared_ptr<const rules::SessionRoles> roles;          // likewise
    std::shared_ptr<const wire::PartitionValue> migrated_from; // likewise
    wire::Body body;                                           // views `bytes`
    std::shared_ptr<const std::string> bytes;
    std::size_t integrated = 0; // bytes of the plain body, from its front

    std::uint64_t plain_size() const {
        return body.compressed ? body.uncompressed_size : body.bytes.size();
    }
};

class UploadGate {
  public:
    UploadGate() = default;
    UploadGate(wire::UploadCursor threshold, std::uint64_t locked_server_version)
        : threshold_(threshold), locked_(locked_server_version) {}

    // U3 to U9; `sent` is the newest server version in a DOWNLOAD sent to this session.
    std::optional<Refusal> check(const wire::Upload& upload, std::uint64_t sent) const;
    // The message passed: moves on (U18 a, f). Fills in everything of the task but stream and
    // bytes.
    UploadTask accept(const wire::Upload& upload);

  private:
    wire::UploadCursor threshold_;
    wire::UploadCursor previous_;
    std::uint64_t locked_ = 0;
};

// What integrating one message may take.
struct UploadLimits {
    std::uint64_t inflated_bytes = 0; // of its body
    std::uint64_t part_bytes = 0;     // of changesets integrated together: soft, one always may be
    std::uint64_t parsed_bytes = 0;   // of memory, of a parsed changeset
};

// The entries of one message, part by part: everything about them that needs no store is checked
// before the first part.
class UploadReader {
  public:
    // Inflates and checks, from where the task was left.
    static std::variant<UploadReader, Refusal>
    open(const UploadTask& task, std::uint64_t file_ident, const UploadLimits& limits, Work& work);
    bool at_end() const { return done_; }
    // The next part, with the progress that it makes; its changesets may be none.
    std::variant<AppendRequest, Refusal> next(Work& work);
    std::size_t position() const { return position_; } // bytes of the plain body read

  private:
    UploadReader(const UploadTask& task, std::uint64_t file_ident, const UploadLimits& limits,
                 std::shared_ptr<const std::string> plain)
        : task_(&task), file_ident_(file_ident), limits_(limits), plain_(std::move(plain)),
          position_(task.integrated) {}
    std::optional<Refusal> check(Work& work);
    std::optional<Refusal> add(const wire::UploadEntry& entry, AppendRequest& request) const;

    const UploadTask* task_;
    std::uint64_t file_ident_;
    UploadLimits limits_;
    std::shared_ptr<const std::string> plain_;
    std::size_t position_;
    bool done_ = false;
};

} // namespace realmsync::server
