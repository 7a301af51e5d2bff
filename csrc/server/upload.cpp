#include "server/upload.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.hpp"
#include "changeset/codec.hpp"

namespace realmsync::server {

using wire::are_mutually_consistent;
using wire::Code;
using wire::is_consistent;
using wire::UploadCursor;

namespace {

constexpr std::uint64_t kMaxVersion = std::numeric_limits<std::int64_t>::max();

std::string text(const UploadCursor& c) {
    return "(" + std::to_string(c.client_version) + ", " + std::to_string(c.server_version) + ")";
}

Refusal bad_client_version(std::string message) {
    return {Code::bad_client_version, std::move(message)};
}
Refusal bad_server_version(const std::string& message) {
    // Apps search for "Bad server version" (node-sdk-surface.md 21), so every 209 says it.
    return {Code::bad_server_version, "Bad server version (UPLOAD): " + message};
}

// What the steps take, in ns: inflating a byte, reading an entry, parsing a byte.
constexpr std::uint64_t kInflate = 1;
constexpr std::uint64_t kEntry = 100;
constexpr std::uint64_t kParse = 2;
// Bytes of an entry besides its changeset, as its part counts them.
constexpr std::size_t kEntryMemory = 256;
// Entries without instructions that each get a version: nobody downloads them, and millions fit
// into one message.
constexpr std::size_t kEmptyInTurn = 16;

// U10 to U16, entry by entry.
class EntryChecks {
  public:
    explicit EntryChecks(const UploadWindow& window) : window_(window), up_(window.previous) {}

    std::optional<Refusal> check(const wire::UploadEntry& entry) {
        const UploadCursor here{entry.client_version, entry.server_version};
        if (here.client_version <= up_.client_version)
            return bad_client_version("Changeset " + text(here) + " does not follow " + text(up_));
        if (!is_consistent(here) || !are_mutually_consistent(here, up_) ||
            !are_mutually_consistent(here, window_.threshold))
            return bad_server_version("Changeset " + text(here) + " contradicts " + text(up_) +
                                      " or the stored " + text(window_.threshold));
        up_ = here;
        return std::nullopt;
    }
    std::optional<Refusal> check_end() const {
        if (up_.client_version > window_.progress.client_version)
            return bad_client_version("Changeset " + text(up_) + " lies beyond the progress " +
                                      text(window_.progress));
        if (!are_mutually_consistent(up_, window_.progress))
            return bad_server_version("Changeset " + text(up_) + " contradicts the progress " +
                                      text(window_.progress));
        return std::nullopt;
    }

  private:
    const UploadWindow& window_;
    UploadCursor up_;
};

bool only_adds_schema(const changeset::Changeset& changes) {
    return std::ranges::all_of(changes.instructions, [](const changeset::Instruction& each) {
        return changeset::is_schema(each.op) && !changeset::is_destructive(each.op);
    });
}

Refusal protocol_fault(const Error& error) { return {wire::protocol_code(error), error.message}; }

} // namespace

wire::ErrorInfo never_taken(std::string_view message) {
    wire::ErrorInfo info = wire::error_info(kTooLarge, message);
    info.try_again = false;
    info.action = "ApplicationBug";
    return info;
}

wire::ErrorInfo too_large(const wire::Upload& upload, std::uint64_t size, std::uint64_t limit) {
    return never_taken(
        "The upload up to version " + std::to_string(upload.progress.client_version) + " has " +
        std::to_string(size) + " bytes, this server takes " + std::to_string(limit) + " at most");
}

Refusal may_only_read() {
    return {Code::permission_denied, "Permission denied: the user may only read this partition"};
}

std::optional<Refusal> UploadGate::check(const wire::Upload& upload, std::uint64_t sent) const {
    const UploadCursor& progress = upload.progress;
    if (progress.client_version < previous_.client_version || progress.client_version > kMaxVersion)
        return bad_client_version("Upload progress " + text(progress) + " after " +
                                  text(previous_));
    if (progress.server_version > sent)
        return bad_server_version("Upload progress " + text(progress) +
                                  " refers to a version never sent; newest was " +
                                  std::to_string(sent));
    if (!is_consistent(progress) || !are_mutually_consistent(progress, threshold_) ||
        !are_mutually_consistent(progress, previous_))
        return bad_server_version("Upload progress " + text(progress) + " contradicts " +
                                  text(previous_) + " or the stored " + text(threshold_));
    if (upload.locked_server_version < locked_ || upload.locked_server_version > sent)
        return bad_server_version("Locked version " + std::to_string(upload.locked_server_version) +
                                  " is outside of " + std::to_string(locked_) + " to " +
                                  std::to_string(sent));
    return std::nullopt;
}

UploadTask UploadGate::accept(const wire::Upload& upload) {
    UploadTask task;
    task.window = {previous_, threshold_, upload.progress};
    task.locked_server_version = upload.locked_server_version;
    task.is_news = upload.progress.client_version > threshold_.client_version ||
                   upload.locked_server_version > locked_;
    task.body = upload.body;
    previous_ = upload.progress;
    locked_ = upload.locked_server_version;
    return task;
}

std::variant<UploadReader, Refusal> UploadReader::open(const UploadTask& task,
                                                       std::uint64_t file_ident,
                                                       const UploadLimits& limits, Work& work) {
    if (task.plain_size() <= limits.inflated_bytes)
        work.spend(kInflate * task.plain_size());
    auto plain = wire::plain_body(task.body, limits.inflated_bytes);
    if (!plain)
        return protocol_fault(plain.error());
    UploadReader reader(task, file_ident, limits, std::move(*plain));
    if (task.integrated == 0)
        if (auto fault = reader.check(work))
            return std::move(*fault);
    reader.done_ = !task.is_news; // a pure repetition
    return reader;
}

std::optional<Refusal> UploadReader::check(Work& work) {
    EntryChecks checks(task_->window);
    std::optional<Refusal> fault;
    auto read = wire::read_upload_entries(*plain_, [&](const wire::UploadEntry& entry) {
        work.spend(kEntry);
        fault = checks.check(entry);
        return !fault;
    });
    if (!read)
        return protocol_fault(read.error());
    return fault ? fault : checks.check_end();
}

std::variant<AppendRequest, Refusal> UploadReader::next(Work& work) {
    AppendRequest request;
    request.file_ident = file_ident_;
    const UploadCursor threshold = task_->window.threshold, progress = task_->window.progress;
    std::optional<Refusal> fault;
    std::size_t bytes = 0, empty_in_turn = 0;
    UploadCursor last = threshold;
    const auto rest = std::string_view(*plain_).substr(position_);
    auto read = wire::read_upload_entries(rest, [&](const wire::UploadEntry& entry) {
        last = {entry.client_version, entry.server_version};
        if (entry.client_version <= threshold.client_version)
            return true; // repeats what the client file has uploaded before
        work.spend(kEntry + kParse * entry.changeset.size());
        empty_in_turn = entry.changeset.empty() ? empty_in_turn + 1 : 0;
        if (empty_in_turn > kEmptyInTurn)
            request.changesets.pop_back(); // this one stands for all of them
        fault = add(entry, request);
        bytes += kEntryMemory + entry.changeset.size();
        return !fault && bytes < limits_.part_bytes;
    });
    REALMSYNC_ASSERT(static_cast<bool>(read)); // checked before
    if (fault)
        return std::move(*fault);
    position_ += *read;
    done_ = position_ == plain_->size();
    request.may_write = task_->may_write;
    request.roles = task_->roles;
    request.migrated_from = task_->migrated_from;
    if (done_) {
        request.progress =
            progress.client_version > threshold.client_version ? progress : threshold;
        request.locked_server_version = task_->locked_server_version;
    } else {
        request.progress = last;
    }
    return request;
}

std::optional<Refusal> UploadReader::add(const wire::UploadEntry& entry,
                                         AppendRequest& request) const {
    if (entry.origin_timestamp > kMaxVersion)
        return Refusal{Code::bad_changeset, "Origin timestamp out of range"};
    UploadedChangeset uploaded{entry.client_version,
                               entry.server_version,
                               entry.origin_timestamp,
                               entry.origin_file_ident,
                               {}};
    if (!entry.changeset.empty()) {
        auto parsed = changeset::parse_borrowed(entry.changeset, limits_.parsed_bytes);
        if (!parsed) {
            const bool too_large = parsed.error().kind == ErrorKind::limit_exceeded;
            return Refusal{too_large ? kTooLarge : Code::bad_changeset,
                           "Changeset " + std::to_string(entry.client_version) + ": " +
                               parsed.error().message,
                           too_large};
        }
        if (!task_->may_write && !only_adds_schema(*parsed))
            return may_only_read();
        uploaded.changeset = std::move(*parsed);
        uploaded.changeset.buffers.push_back(plain_);
    }
    request.changesets.push_back(std::move(uploaded));
    return std::nullopt;
}

} // namespace realmsync::server
