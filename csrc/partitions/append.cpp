// Uploads: rebase, apply to the objects, append to the history, advance the client file
// (server-behaviour.md 7.4 to 7.8). What a request changes in memory is staged only when all of it
// succeeded.
#include <algorithm>
#include <iterator>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "merge/transform.hpp"
#include "partitions/admission.hpp"
#include "partitions/app_schema.hpp"
#include "partitions/partition_db.hpp"
#include "partitions/partition_property.hpp"
#include "server/upload.hpp"
#include "tables/complete_clears.hpp"

namespace realmsync::partitions {

using wire::Code;

namespace {

// What the steps take, in ns: reading an entry of a window and indexing it, storing one.
constexpr std::uint64_t kReadEntry = 1'500;
constexpr std::uint64_t kReadByte = 6;
constexpr std::uint64_t kStoreEntry = 10'000;
constexpr std::uint64_t kStoreByte = 4;

// Bytes that a row of the history takes besides its changeset, about.
constexpr std::uint64_t kRowBytes = 100;

server::Refusal refusal(const Error& error) {
    switch (error.kind) {
    case ErrorKind::schema:
        return {Code::invalid_schema_change, "Invalid schema change (UPLOAD): " + error.message};
    case ErrorKind::bad_progress:
        return {Code::bad_server_version, "Bad server version (UPLOAD): " + error.message};
    case ErrorKind::limit_exceeded:
        return {server::kTooLarge, "Not taken (UPLOAD): " + error.message, true};
    default: return {Code::bad_changeset, "Bad changeset (UPLOAD): " + error.message};
    }
}

std::optional<Error> rebase(merge::Transformer& transformer, merge::Window& window,
                            std::vector<merge::Incoming>& incoming, Work& work) {
    try {
        auto transformed = transformer.transform(window, incoming, work);
        return transformed ? std::nullopt : std::optional(transformed.error());
    } catch (const ErrorException& e) {
        return e.error();
    }
}

} // namespace

// The history as one client file sees it: foreign entries, in the form that earlier merges with
// this file's changes gave them.
class FileWindow : public merge::Window {
  public:
    FileWindow(PartitionDb& db, PartitionId partition, std::uint64_t ident,
               const PartitionDb::Staged& staged, Work& work, const PartitionDb::ShownEntry& shown)
        : db_(db), partition_(partition), ident_(ident), staged_(staged), work_(work),
          shown_(shown) {}

    std::vector<merge::WindowEntry> entries_after(std::uint64_t base) override {
        auto entries = db_.foreign_entries(partition_, base, ident_, staged_, work_);
        if (entries.empty())
            return {};
        replace_by_reciprocals(base, entries);
        std::vector<merge::WindowEntry> window;
        window.reserve(entries.size());
        for (HistoryEntry& entry : entries) {
            auto parsed = changeset::parse(std::move(entry.changeset));
            if (!parsed)
                corrupt("Version " + std::to_string(entry.version) +
                        " of the history is damaged: " + parsed.error().message);
            window.push_back({.version = entry.version,
                              .origin = {entry.origin_timestamp,
                                         entry.origin_ident ? entry.origin_ident : kServerIdent},
                              .changeset = std::move(*parsed)});
        }
        if (shown_)
            leave_what_is_shown(window);
        return window;
    }

    void store_reciprocal(const merge::WindowEntry& entry, std::string_view bytes) override {
        db_.store_->store_reciprocal(partition_, ident_, entry.version, bytes);
    }

  private:
    // The entries with what of them the file has been sent: in step with their images.
    void leave_what_is_shown(std::vector<merge::WindowEntry>& window) {
        auto entry = window.begin();
        const auto show = [&](std::string_view images) {
            entry->changeset = shown_(entry->version, images, entry->changeset);
            ++entry;
        };
        db_.store_->images(partition_, entry->version - 1, window.back().version,
                           [&](std::uint64_t version, std::string_view images) {
                               while (entry != window.end() && entry->version < version)
                                   show({});
                               if (entry != window.end() && entry->version == version)
                                   show(images);
                           });
        while (entry != window.end())
            show({});
        std::erase_if(window,
                      [](const auto& shown) { return shown.changeset.instructions.empty(); });
    }
    void replace_by_reciprocals(std::uint64_t base, std::vector<HistoryEntry>& entries) {
        auto entry = entries.begin();
        db_.store_->reciprocals(
            partition_, ident_, base, [&](std::uint64_t version, std::string_view bytes) {
                while (entry != entries.end() && entry->version < version)
                    ++entry;
                if (entry != entries.end() && entry->version == version)
                    entry->changeset = std::make_shared<const std::string>(bytes);
            });
    }

    PartitionDb& db_;
    const PartitionId partition_;
    const std::uint64_t ident_;
    const PartitionDb::Staged& staged_;
    Work& work_;
    const PartitionDb::ShownEntry& shown_;
};

std::variant<server::Appended, server::Refusal>
PartitionDb::append(PartitionId id, server::AppendRequest request, Work& work) {
    require_transaction();
    const auto file = find_file(id, request.file_ident);
    if (file)
        drop_integrated(*file, request);
    if (auto refused = check_uploads(head(id), file ? &*file : nullptr, request))
        return std::move(*refused);
    if (auto refused = check_times(request))
        return std::move(*refused);
    Usage* const used = request.changesets.empty() ? nullptr : &usage(file->user_id);
    if (used && is_reached(tuning_.bytes_per_user, used->bytes))
        return too_many("bytes", tuning_.bytes_per_user);
    Staged& staged = stage(id);
    staged.concerns.clear(); // of one that was refused
    const std::uint64_t before = staged.head.version;
    std::optional<server::Refusal> refused;
    std::string notice;
    attempt(
        id,
        [&] {
            refused = integrate(id, *file, request, staged, work, notice);
            return !refused;
        },
        work);
    if (refused)
        return std::move(*refused);
    if (used)
        used->bytes += staged.files.at(request.file_ident).bytes - file->bytes;
    return server::Appended{staged.head.version, std::move(notice), staged.head.version - before,
                            std::exchange(staged.concerns, {})};
}

std::optional<server::Refusal>
PartitionDb::check_times(const server::AppendRequest& request) const {
    constexpr std::int64_t k2015 = 1'420'070'400'000; // ms since 1970
    for (const server::UploadedChangeset& upload : request.changesets) {
        const auto time = static_cast<std::int64_t>(upload.origin_timestamp) + k2015;
        if (tuning_.ahead_ms != 0 && time > now_ms_ + tuning_.ahead_ms)
            return server::Refusal{Code::other_session_error,
                                   "The clock of this device is ahead by " +
                                       std::to_string((time - now_ms_) / 1000) + " s"};
    }
    return std::nullopt;
}

// All changesets of the request, and the progress; when it is refused the caller takes it back.
std::optional<server::Refusal> PartitionDb::integrate(PartitionId id, const ClientFile& file,
                                                      server::AppendRequest& request,
                                                      Staged& staged, Work& work,
                                                      std::string& notice) {
    const std::uint64_t before = staged.head.cumulative_bytes;
    const std::size_t count = request.changesets.size();
    try {
        if (request.roles) {
            if (auto refused = integrate_judged(id, request, staged, work, notice))
                return refused;
        } else if (count != 0) {
            if (auto refused = prepare(id, request, work, notice))
                return refused;
            Merged merged = rebase_and_apply(id, request, staged, work);
            if (merged.refused)
                return merged.refused;
            windows_.keep(id, request.file_ident, std::move(merged.transformer));
            const std::uint64_t time =
                std::max(own_time(), request.changesets.back().origin_timestamp);
            const std::string correction = correct_partition(id, request, work);
            append_to_history(id, request, staged, work);
            if (!correction.empty())
                append_own(id, correction, time, work);
        }
    } catch (const ErrorException& e) {
        return refusal(e.error());
    }
    ClientFile after = advance(file, request, staged.head.version, now_ms_);
    after.bytes += staged.head.cumulative_bytes - before + count * kRowBytes;
    REALMSYNC_ASSERT(is_sound(after) && is_advance(file, after));
    if (after.base_server_version > file.base_server_version)
        store_->drop_reciprocals(id, request.file_ident, after.base_server_version);
    staged.files.insert_or_assign(request.file_ident, std::move(after));
    return std::nullopt;
}

// Before the merge: the schema that it brings, and what older clients leave out of their changes.
std::optional<server::Refusal> PartitionDb::prepare(PartitionId id, server::AppendRequest& request,
                                                    Work& work, std::string& notice) {
    if (auto refused = admit_schema(request, notice, work))
        return refused;
    if (profile_ != merge::Profile::strict) {
        const model::SchemaPtr schema = store_->schema(id);
        for (server::UploadedChangeset& upload : request.changesets)
            tables::complete_clears(upload.changeset, *schema);
    }
    return std::nullopt;
}

PartitionDb::Merged PartitionDb::rebase_and_apply(PartitionId id, server::AppendRequest& request,
                                                  const Staged& staged, Work& work,
                                                  const ShownEntry& shown) {
    const std::uint64_t base = request.changesets.front().server_version;
    std::vector<merge::Incoming> incoming;
    incoming.reserve(request.changesets.size());
    for (server::UploadedChangeset& upload : request.changesets)
        incoming.push_back({upload.server_version,
                            {upload.origin_timestamp, request.file_ident},
                            &upload.changeset});
    cover_runs(id, base);
    FileWindow window(*this, id, request.file_ident, staged, work, shown);
    auto transformer = windows_.take(id, request.file_ident, base, profile_);
    if (auto error = rebase(*transformer, window, incoming, work)) {
        // Who is so far behind has nothing left to merge here after a download.
        if (work.is_exhausted())
            return {server::Refusal{Code::session_closed,
                                    "Too much has changed meanwhile: download it first"},
                    nullptr};
        return {refusal(*error), nullptr};
    }
    transformer->store_reciprocals(window);
    store_->apply(id, request.changesets, work);
    return {std::nullopt, std::move(transformer)};
}

// What the app has declared, or uses already, passes, and in development mode what contradicts
// nothing; it is used from now on. Before the merge, which would name less of what differs.
std::optional<server::Refusal> PartitionDb::admit_schema(const server::AppendRequest& request,
                                                         std::string& notice, Work& work) {
    if (!declared()) {
        if (!request.may_write)
            return server::may_only_read();
        return std::nullopt;
    }
    for (const server::UploadedChangeset& upload : request.changesets) {
        const auto is_of_schema = [](const auto& i) { return is_schema(i.op); };
        if (std::ranges::none_of(upload.changeset.instructions, is_of_schema))
            continue;
        const model::SchemaPtr used = store_->schema(kWholeApp);
        const SchemaRules rules{*used, *declared(), settings_.in_development};
        auto verdict = rules.judge(upload.changeset);
        if (verdict.refused)
            return server::Refusal{Code::invalid_schema_change,
                                   "Invalid schema change (UPLOAD): " + *verdict.refused};
        if (!verdict.is_news)
            continue;
        server::UploadedChangeset schema;
        schema.changeset.strings = upload.changeset.strings;
        schema.changeset.buffers = upload.changeset.buffers;
        std::ranges::copy_if(upload.changeset.instructions,
                             std::back_inserter(schema.changeset.instructions), is_of_schema);
        store_->apply(kWholeApp, {&schema, 1}, work);
        if (!verdict.noticed.empty())
            notice += "A client's definition holds from now on: " + verdict.noticed + ". ";
    }
    return std::nullopt;
}

const wire::PartitionValue& PartitionDb::partition_value(PartitionId id) {
    Partition& cached = partition(id);
    if (!cached.value) {
        auto value = wire::parse_partition_value(store_->partition_key(id));
        if (!value)
            corrupt("The key of partition " + std::to_string(id) + " is damaged.");
        std::lock_guard lock(mutex_);
        cached.value = std::move(*value);
    }
    return *cached.value;
}

// What gives the objects of the upload the value of the partition: empty when all have it.
std::string PartitionDb::correct_partition(PartitionId id, const server::AppendRequest& request,
                                           Work& work) {
    if (settings_.partition_key.empty())
        return {};
    const model::SchemaPtr schema = store_->schema(id);
    const auto& former = request.migrated_from;
    PartitionProperty property(*schema, declared(), settings_.partition_key,
                               wire::as_key(former ? *former : partition_value(id)),
                               former ? PartitionProperty::Wrong::unsaid
                                      : PartitionProperty::Wrong::other);
    for (const server::UploadedChangeset& upload : request.changesets)
        property.look_at(upload.changeset);
    apply_own(kWholeApp, property.additions(), work);
    return property.correction();
}

void PartitionDb::append_to_history(PartitionId id, server::AppendRequest& request, Staged& staged,
                                    Work& work) {
    OriginRuns& runs = partition(id).runs;
    Head& head = staged.head;
    for (server::UploadedChangeset& upload : request.changesets) {
        HistoryEntry entry;
        entry.version = ++head.version;
        entry.salt = head.salt = salt_;
        entry.origin_ident = entry.via_ident = request.file_ident;
        entry.client_version = upload.client_version;
        entry.origin_timestamp = upload.origin_timestamp;
        work.spend(kStoreEntry);
        entry.changeset = std::make_shared<const std::string>(changeset::encode(upload.changeset));
        upload.changeset = {};
        work.spend(kStoreByte * entry.changeset->size());
        entry.cumulative_bytes = head.cumulative_bytes += entry.changeset->size();
        store_->insert_entry(id, entry, upload.server_version, now_ms_);
        runs.append(entry.version, entry.via_ident, entry.changeset->empty());
        staged.entries.push_back(std::move(entry));
    }
}

// The runs are extended backwards when an old base is first met: one scan of narrow columns, then
// every further upload on that base finds its window without looking at its own entries.
void PartitionDb::cover_runs(PartitionId id, std::uint64_t base) {
    OriginRuns& runs = partition(id).runs;
    if (base >= runs.start())
        return;
    OriginRuns older(base);
    store_->senders(id, base + 1, runs.start(),
                    [&](std::uint64_t version, std::uint64_t via, bool empty) {
                        older.append(version, via, empty);
                    });
    runs.prepend(std::move(older));
}

std::vector<HistoryEntry> PartitionDb::foreign_entries(PartitionId id, std::uint64_t base,
                                                       std::uint64_t ident, const Staged& staged,
                                                       Work& work) {
    const Partition& cached = partition(id);
    std::vector<HistoryEntry> result;
    const auto take = [&](const HistoryEntry& entry) {
        if (entry.via_ident == ident || entry.changeset->empty())
            return;
        work.spend(kReadEntry + kReadByte * entry.changeset->size());
        result.push_back(entry);
    };
    for (const auto& range : cached.runs.foreign(base, ident)) {
        std::uint64_t next = range.first;
        while (next <= range.last) {
            if (next > cached.head.version) {
                REALMSYNC_ASSERT(next - cached.head.version <= staged.entries.size());
                take(staged.entries[next++ - cached.head.version - 1]);
            } else if (const HistoryEntry* entry = cached.tail.find(next)) {
                take(*entry);
                ++next;
            } else {
                const std::uint64_t last = std::min(range.last, cached.head.version);
                store_->foreign_entries(id, next, last, ident, take);
                next = last + 1;
            }
        }
    }
    return result;
}

} // namespace realmsync::partitions
