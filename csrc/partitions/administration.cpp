// What operators change: the schema of the app, client files that have to be reset, histories that
// begin anew (server-behaviour.md 12.4, app-configuration.md 4.3, 7.4, 7.6, 7.7). Each in one
// transaction, but that partitions are told of a schema some at a time.
#include <algorithm>

#include "base/assert.hpp"
#include "changeset/codec.hpp"
#include "partitions/app_schema.hpp"
#include "partitions/partition_db.hpp"

namespace realmsync::partitions {

using wire::Code;

namespace {

constexpr std::size_t kPartitionsAtOnce = 256; // that are told of a schema in one transaction

server::UploadedChangeset own_change(const std::string& bytes) {
    server::UploadedChangeset change;
    auto parsed = changeset::parse(std::make_shared<const std::string>(bytes));
    if (!parsed)
        throw ErrorException(parsed.error());
    change.changeset = std::move(*parsed);
    return change;
}

} // namespace

server::AdministrationResult PartitionDb::administer(const server::Administration& what) {
    require_transaction();
    REALMSYNC_ASSERT(staged_.empty());
    try {
        if (const auto* install = std::get_if<server::InstallSchema>(&what))
            return install_schema(install->changeset);
        if (const auto* replace = std::get_if<server::ReplaceSchema>(&what))
            return replace_schema(replace->changeset, replace->is_announced);
        if (const auto* reset = std::get_if<server::ForceReset>(&what))
            return force_reset(reset->file_ident);
        if (const auto* terminate = std::get_if<server::Terminate>(&what))
            return begin_anew(Code::bad_client_file_ident, terminate->is_announced);
        return read_app_schema();
    } catch (const ErrorException& e) {
        throw std::invalid_argument(e.error().message);
    }
}

// Null: the app has no configuration, and every partition its own schema.
const model::Schema* PartitionDb::declared() {
    if (!declared_) {
        const auto bytes = store_->declared_schema();
        declared_.emplace();
        if (bytes)
            *declared_ = read_schema(*bytes);
    }
    return *declared_ ? &**declared_ : nullptr;
}

void PartitionDb::apply_own(PartitionId id, const std::string& bytes) {
    Work work;
    apply_own(id, bytes, work);
}

void PartitionDb::apply_own(PartitionId id, const std::string& bytes, Work& work) {
    if (bytes.empty())
        return;
    const auto change = own_change(bytes);
    store_->apply(id, {&change, 1}, work);
}

// An entry of the server's own, and what it changes.
void PartitionDb::append_own(PartitionId id, const std::string& bytes, std::uint64_t timestamp,
                             Work& work) {
    auto change = own_change(bytes);
    Staged& staged = stage(id);
    store_->apply(id, {&change, 1}, work);
    HistoryEntry entry;
    entry.version = ++staged.head.version;
    entry.salt = staged.head.salt = salt_;
    entry.origin_timestamp = timestamp;
    entry.changeset = std::make_shared<const std::string>(changeset::encode(change.changeset));
    entry.cumulative_bytes = staged.head.cumulative_bytes += entry.changeset->size();
    store_->insert_entry(id, entry, entry.version - 1, now_ms_);
    partition(id).runs.append(entry.version, entry.via_ident, false);
    staged.entries.push_back(std::move(entry));
}

std::uint64_t PartitionDb::own_time() const {
    constexpr std::int64_t k2015 = 1'420'070'400'000; // ms since 1970
    return static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms_ - k2015, 0));
}

// Before the first configuration every partition had a schema of its own: together they are what
// is used.
void PartitionDb::adopt_partitions() {
    for (const PartitionId id : store_->partitions()) {
        const model::SchemaPtr used = store_->schema(kWholeApp), here = store_->schema(id);
        if (const auto fault = contradiction(*used, *here, IsOpen::no))
            raise(ErrorKind::schema, "Partitions contradict each other: " + *fault);
        apply_own(kWholeApp, write_additions(*here, *used));
    }
}

void PartitionDb::declare(const std::string& bytes, const model::Schema& schema) {
    if (store_->declared_schema() != bytes) {
        // Names, limits and types are checked where they are applied.
        Work work;
        const std::string additions =
            write_additions(united(*store_->schema(kWholeApp), schema), model::Schema());
        store_->attempt(
            [&] {
                apply_own(kProbe, additions);
                return false;
            },
            work);
        store_->declare_schema(bytes);
    }
    declared_.emplace(schema);
    const model::SchemaPtr used = store_->schema(kWholeApp);
    apply_own(kWholeApp, write_additions(settled_additions(*used, schema), *used));
}

server::AdministrationResult PartitionDb::install_schema(const std::string& bytes) {
    const model::Schema schema = read_schema(bytes);
    store_->fix_schema(false); // what may be added is decided here from now on
    if (!declared())
        adopt_partitions();
    if (const auto fault = contradiction(*store_->schema(kWholeApp), schema, IsOpen::yes))
        raise(ErrorKind::schema, *fault);
    declare(bytes, schema);
    return announce_schema();
}

// The next partitions that do not know all that is used.
server::AdministrationResult PartitionDb::announce_schema() {
    server::AdministrationResult result;
    const std::int64_t version = store_->schema_version(kWholeApp);
    const auto behind = store_->partitions_behind(version, kPartitionsAtOnce);
    for (const PartitionId id : behind)
        if (announce_schema(id, version))
            result.heads.emplace_back(id, head(id).version);
    result.is_done = behind.size() < kPartitionsAtOnce;
    return result;
}

bool PartitionDb::announce_schema(PartitionId id, std::int64_t version) {
    const std::string additions = write_additions(*store_->schema(kWholeApp), *store_->schema(id));
    store_->note_announced(id, version);
    if (additions.empty())
        return false;
    Work work;
    append_own(id, additions, own_time(), work);
    return true;
}

server::AdministrationResult PartitionDb::replace_schema(const std::string& bytes,
                                                         bool is_announced) {
    const model::Schema schema = read_schema(bytes);
    std::vector<PartitionId> ids = store_->partitions();
    ids.push_back(kWholeApp);
    const bool breaks = std::ranges::any_of(
        ids, [&](PartitionId id) { return !write_removals(*store_->schema(id), schema).empty(); });
    if (!breaks)
        return install_schema(bytes);
    store_->fix_schema(false);
    if (is_announced) {
        for (const PartitionId id : ids)
            apply_own(id, write_removals(*store_->schema(id), schema));
        if (!declared())
            adopt_partitions();
        declare(bytes, schema);
        const model::SchemaPtr used = store_->schema(kWholeApp);
        for (const PartitionId id : store_->partitions()) {
            apply_own(id, write_additions(*used, *store_->schema(id)));
            store_->note_announced(id, store_->schema_version(kWholeApp));
        }
    }
    return begin_anew(Code::bad_client_file, is_announced);
}

server::AdministrationResult PartitionDb::read_app_schema() {
    model::Schema used;
    if (declared()) {
        used = united(*store_->schema(kWholeApp), *declared());
    } else {
        for (const PartitionId id : store_->partitions())
            used = united(used, *store_->schema(id));
    }
    server::AdministrationResult result;
    result.schema = write_additions(used, model::Schema());
    result.has_client_files = store_->has_client_files();
    return result;
}

server::AdministrationResult PartitionDb::force_reset(std::uint64_t file_ident) {
    server::AdministrationResult result;
    for (const PartitionId id : store_->find_client_files(file_ident)) {
        store_->order_reset(id, file_ident, static_cast<int>(Code::bad_client_file_ident));
        result.files.emplace_back(id, file_ident);
    }
    if (result.files.empty())
        throw std::invalid_argument("There is no client file " + std::to_string(file_ident) + ".");
    return result;
}

// The objects of all partitions are the beginning of new histories: client files of the old ones
// get `code`.
server::AdministrationResult PartitionDb::begin_anew(Code code, bool is_announced) {
    server::AdministrationResult result;
    if (!is_announced) {
        result.needs_announcement = true;
        return result;
    }
    for (const PartitionId id : store_->partitions()) {
        store_->drop_history(id, code == Code::bad_client_file_ident ? 0 : static_cast<int>(code));
        HistoryEntry entry;
        store_->snapshot(id, [&](std::string bytes) {
            ++entry.version;
            entry.salt = salt_;
            entry.origin_timestamp = own_time();
            entry.cumulative_bytes += bytes.size();
            entry.changeset = std::make_shared<const std::string>(std::move(bytes));
            store_->insert_entry(id, entry, entry.version - 1, now_ms_);
        });
        begun_anew_.push_back(id);
    }
    result.has_begun_anew = true;
    return result;
}

} // namespace realmsync::partitions
