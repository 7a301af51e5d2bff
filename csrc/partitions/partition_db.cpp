#include "partitions/partition_db.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "partitions/admission.hpp"

namespace realmsync::partitions {

PartitionDb::PartitionDb(std::unique_ptr<HistoryStore> store, ClockAndChance clock_and_chance,
                         const StoreTuning& tuning, merge::Profile profile)
    : tuning_(tuning), profile_(profile), clock_and_chance_(std::move(clock_and_chance)),
      store_(std::move(store)), windows_(tuning.window_bytes), pages_(tuning.page_cache_bytes) {
    settings_.in_development = tuning.may_add_schema;
}

PartitionDb::~PartitionDb() = default;

void PartitionDb::configure(const server::AppSettings& settings) {
    settings_ = settings;
    obeys_settings_ = false;
}

void PartitionDb::begin() {
    if (in_transaction_)
        throw std::logic_error("A transaction is open already.");
    REALMSYNC_ASSERT(staged_.empty() && created_.empty());
    store_->begin();
    in_transaction_ = true;
    salt_ = draw_salt();
    now_ms_ = clock_and_chance_.unix_ms();
    ++transactions_;
    if (!std::exchange(obeys_settings_, true)) // with a schema of the app, append.cpp decides
        store_->fix_schema(!settings_.in_development && !declared());
}

void PartitionDb::commit() {
    require_transaction();
    try {
        write_staged();
        store_->commit();
    } catch (...) {
        // Whether it took effect is unknown: what was copied of these partitions is read again.
        forget_staged();
        in_transaction_ = false;
        try {
            store_->rollback();
        } catch (const StoreError&) { // the first failure tells more
        }
        throw;
    }
    in_transaction_ = false;
    publish();
}

void PartitionDb::rollback() {
    require_transaction();
    forget_staged();
    in_transaction_ = false;
    store_->rollback();
}

void PartitionDb::touch() {
    require_transaction();
    store_->touch();
}

void PartitionDb::write_staged() {
    for (const auto& [id, staged] : staged_)
        for (const auto& [ident, file] : staged.files)
            store_->update_client_file(id, ident, file);
}

// Makes what was committed visible to readers, all of it at once.
void PartitionDb::publish() {
    {
        std::lock_guard lock(mutex_);
        for (auto& [id, staged] : staged_) {
            Partition& target = *partitions_.at(id);
            REALMSYNC_ASSERT(staged.head.version == target.head.version + staged.entries.size());
            target.head = staged.head;
            for (HistoryEntry& entry : staged.entries)
                target.tail.append(std::move(entry));
            target.tail.shrink(tuning_.tail_bytes);
            target.runs.shrink(tuning_.tail_bytes);
            for (auto& [ident, file] : staged.files)
                target.files.insert_or_assign(ident, std::move(file));
            if (indexes_.contains(id))
                target.schema = store_->schema(id);
        }
    }
    staged_.clear();
    created_.clear();
    under_way_before_.clear();
    if (!begun_anew_.empty()) {
        for (const PartitionId id : std::exchange(begun_anew_, {}))
            forget(id);
        pages_.clear();
        windows_.clear();
        usage_.clear();
        forget_shown();
        under_way_.clear();
        asked_.clear();
    }
    if (transactions_ % 64 == 0)
        evict();
}

// Drops the changes of the open transaction, and with them the copies that they were based on.
void PartitionDb::forget_staged() {
    for (const auto& [id, staged] : staged_)
        forget(id);
    for (const PartitionId id : created_)
        forget(id);
    staged_.clear();
    created_.clear();
    begun_anew_.clear();
    windows_.clear();
    usage_.clear();
    forget_shown();
    for (const auto& [file, number] : std::exchange(under_way_before_, {}))
        number != 0 ? under_way_[file] = number : under_way_.erase(file);
    asked_.clear();
    declared_.reset();
    obeys_settings_ = false;
}

void PartitionDb::forget(PartitionId id) {
    auto found = partitions_.find(id);
    if (found == partitions_.end())
        return;
    ids_.erase(found->second->name);
    std::lock_guard lock(mutex_);
    partitions_.erase(found);
}

std::variant<server::OpenedPartition, server::Refusal>
PartitionDb::open_partition(std::string_view app_id, std::string_view key,
                            std::string_view user_id) {
    require_transaction();
    std::string name(app_id);
    name.append(1, '\0').append(key);
    if (auto found = ids_.find(name); found != ids_.end())
        return server::OpenedPartition{found->second, head(found->second).version};

    PartitionId id = store_->find_partition(app_id, key);
    const bool is_new = id == 0;
    if (is_new) {
        Usage& used = usage(user_id);
        if (is_reached(tuning_.partitions_per_user, used.partitions))
            return too_many("partitions", tuning_.partitions_per_user);
        id = store_->create_partition(app_id, key, user_id, now_ms_);
        ++used.partitions;
        created_.push_back(id);
    }
    Partition& opened = partition(id);
    opened.name = name;
    ids_.emplace(std::move(name), id);
    if (is_new && declared()) {
        Work work;
        attempt(
            id,
            [&] {
                announce_schema(id, store_->schema_version(kWholeApp));
                return true;
            },
            work);
    }
    return server::OpenedPartition{id, head(id).version};
}

// Called before anything of the open transaction is staged for `id`, so the row is committed.
PartitionDb::Partition& PartitionDb::partition(PartitionId id) {
    auto found = partitions_.find(id); // only this thread inserts and erases
    if (found == partitions_.end()) {
        const auto head = store_->head(id);
        if (!head)
            throw std::invalid_argument("There is no partition " + std::to_string(id) + ".");
        std::lock_guard lock(mutex_);
        found = partitions_.emplace(id, std::make_unique<Partition>(*head)).first;
    }
    found->second->last_used = transactions_;
    return *found->second;
}

PartitionDb::Staged& PartitionDb::stage(PartitionId id) {
    auto [found, is_new] = staged_.try_emplace(id);
    if (is_new)
        found->second.head = partition(id).head;
    return found->second;
}

bool PartitionDb::attempt(PartitionId id, const std::function<bool()>& change, Work& work) {
    Staged& staged = stage(id);
    const std::size_t entries = staged.entries.size();
    const Head before = staged.head;
    bool done = false;
    const auto take_back = [&] {
        staged.entries.resize(entries);
        staged.head = before;
        partition(id).runs.truncate(before.version);
    };
    try {
        store_->attempt([&] { return done = change(); }, work);
    } catch (...) {
        take_back();
        throw;
    }
    if (!done)
        take_back();
    return done;
}

const Head& PartitionDb::head(PartitionId id) {
    auto found = staged_.find(id);
    return found != staged_.end() ? found->second.head : partition(id).head;
}

// The writer's view.
Usage& PartitionDb::usage(std::string_view user_id) {
    constexpr std::size_t kUsers = 10'000; // more have been forgotten by then
    auto found = usage_.find(std::string(user_id));
    if (found != usage_.end())
        return found->second;
    if (usage_.size() >= kUsers)
        usage_.clear();
    return usage_.emplace(user_id, store_->usage(user_id)).first->second;
}

void PartitionDb::require_transaction() const {
    if (!in_transaction_)
        throw std::logic_error("No transaction is open.");
}

// Uniform in 1 … 2^63-1 (3.1, 4.3): salts of files and of versions.
std::int64_t PartitionDb::draw_salt() {
    std::uint64_t bits = 0;
    while (bits == 0)
        bits = clock_and_chance_.random_bits() >> 1;
    return static_cast<std::int64_t>(bits);
}

std::size_t PartitionDb::Partition::memory() const {
    constexpr std::size_t per_partition = 1536, per_file = 224; // measured, containers included
    return per_partition + name.size() + tail.memory() + runs.memory() + files.size() * per_file;
}

std::size_t PartitionDb::cached_bytes() const {
    std::lock_guard lock(mutex_);
    std::size_t bytes = 0;
    for (const auto& [id, partition] : partitions_)
        bytes += partition->memory();
    return bytes;
}

// Between transactions. Down to half of the limit, so that it happens seldom.
void PartitionDb::evict() {
    std::size_t bytes = cached_bytes();
    if (bytes <= tuning_.cache_bytes)
        return;
    std::vector<std::pair<std::uint64_t, PartitionId>> by_age;
    for (const auto& [id, partition] : partitions_)
        by_age.emplace_back(partition->last_used, id);
    std::sort(by_age.begin(), by_age.end());
    for (const auto& [last_used, id] : by_age) {
        if (bytes <= tuning_.cache_bytes / 2)
            break;
        bytes -= partitions_.at(id)->memory();
        forget(id);
    }
}

} // namespace realmsync::partitions
