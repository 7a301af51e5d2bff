#include "server/upload.hpp"

#include <limits>
#include <utility>

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

UploadFault bad_client_version(std::string message) {
    return {Code::bad_client_version, std::move(message)};
}
UploadFault bad_server_version(std::string message) {
    return {Code::bad_server_version, std::move(message)};
}

// U10 to U16. Gives how many entries at the front repeat what the client file has uploaded before.
std::variant<std::size_t, UploadFault>
check_entries(const UploadWindow& window, const std::vector<wire::UploadEntry>& entries) {
    UploadCursor up = window.previous;
    std::size_t duplicates = 0;
    for (const auto& entry : entries) {
        const UploadCursor here{entry.client_version, entry.server_version};
        if (here.client_version <= up.client_version)
            return bad_client_version("Changeset " + text(here) + " does not follow " + text(up));
        if (!is_consistent(here) || !are_mutually_consistent(here, up) ||
            !are_mutually_consistent(here, window.threshold))
            return bad_server_version("Changeset " + text(here) + " contradicts " + text(up) +
                                      " or the stored " + text(window.threshold));
        if (here.client_version <= window.threshold.client_version)
            ++duplicates;
        up = here;
    }
    if (up.client_version > window.progress.client_version)
        return bad_client_version("Changeset " + text(up) + " lies beyond the progress " +
                                  text(window.progress));
    if (!are_mutually_consistent(up, window.progress))
        return bad_server_version("Changeset " + text(up) + " contradicts the progress " +
                                  text(window.progress));
    return duplicates;
}

} // namespace

wire::ErrorInfo too_large(const wire::Upload& upload, std::uint64_t size, std::uint64_t limit) {
    wire::ErrorInfo info = wire::error_info(
        kTooLarge, "The upload up to version " + std::to_string(upload.progress.client_version) +
                       " has " + std::to_string(size) + " bytes, this server takes " +
                       std::to_string(limit) + " at most");
    info.try_again = false;
    info.action = "ApplicationBug";
    return info;
}

std::optional<UploadFault> UploadGate::check(const wire::Upload& upload, std::uint64_t sent) const {
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

Prepared prepare_append(const UploadTask& task, std::uint64_t file_ident,
                        std::uint64_t inflated_bytes_limit) {
    auto plain = wire::plain_body(task.body, inflated_bytes_limit);
    if (!plain)
        return UploadFault{wire::protocol_code(plain.error()), plain.error().message};
    auto entries = wire::parse_upload_entries(**plain);
    if (!entries)
        return UploadFault{wire::protocol_code(entries.error()), entries.error().message};
    auto checked = check_entries(task.window, *entries);
    if (auto* fault = std::get_if<UploadFault>(&checked))
        return std::move(*fault);
    if (!task.is_news)
        return std::monostate{};

    AppendRequest request;
    request.file_ident = file_ident;
    request.locked_server_version = task.locked_server_version;
    const auto& [previous, threshold, progress] = task.window;
    request.progress = progress.client_version > threshold.client_version ? progress : threshold;
    const std::size_t duplicates = std::get<std::size_t>(checked);
    request.changesets.reserve(entries->size() - duplicates);
    for (std::size_t i = duplicates; i < entries->size(); ++i) {
        const wire::UploadEntry& entry = (*entries)[i];
        if (entry.origin_timestamp > kMaxVersion)
            return UploadFault{Code::bad_changeset, "Origin timestamp out of range"};
        UploadedChangeset uploaded{entry.client_version,
                                   entry.server_version,
                                   entry.origin_timestamp,
                                   entry.origin_file_ident,
                                   {}};
        if (!entry.changeset.empty()) {
            auto parsed = changeset::parse_borrowed(entry.changeset);
            if (!parsed)
                return UploadFault{Code::bad_changeset, "Changeset " +
                                                            std::to_string(entry.client_version) +
                                                            ": " + parsed.error().message};
            uploaded.changeset = std::move(*parsed);
            uploaded.changeset.buffers.push_back(*plain);
        }
        request.changesets.push_back(std::move(uploaded));
    }
    return request;
}

} // namespace realmsync::server
