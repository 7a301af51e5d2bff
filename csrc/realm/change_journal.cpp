#include "realm/change_journal.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "changeset/codec.hpp"

namespace realmsync::realm {

namespace {

constexpr std::size_t kJoinAt = 64; // entries that are never joined

// What another process's commits have touched, as far as the history tells: local ones are in it.
void add_from_history(sqlite::Database& db, std::uint64_t first, std::uint64_t last,
                      TouchedObjects& touched) {
    auto rows = db.query("SELECT version, origin_ident, changeset FROM rs_history "
                         "WHERE version BETWEEN ? AND ? ORDER BY version",
                         first, last);
    std::uint64_t next = first;
    for (; rows.step() && rows->unsigned_integer(0) == next; ++next) {
        if (rows->unsigned_integer(1) != 0)
            break;
        if (rows->is_null(2))
            continue;
        auto parsed = changeset::parse(std::make_shared<const std::string>(rows->text(2)));
        if (!parsed)
            break;
        touched.add(*parsed);
    }
    if (next <= last)
        touched.add_unknown();
}

} // namespace

void ChangeJournal::commit(std::uint64_t version, const Collect& collect,
                           const std::function<void()>& commit) {
    std::unique_lock unrecorded(unrecorded_);
    bool is_followed = false;
    auto detail = TouchedObjects::Detail::objects;
    {
        const std::lock_guard lock(mutex_);
        is_followed = !followers_.empty();
        for (const auto& [follower, place] : followers_)
            detail = std::max(detail, place.detail);
    }
    if (is_followed) {
        unrecorded.unlock();
        auto touched = std::make_shared<TouchedObjects>(detail);
        try {
            if (collect)
                collect(*touched);
        } catch (...) { // short of memory; the commit is good all the same
            touched->add_unknown();
        }
        record(version, std::move(touched));
    }
    commit();
}

// Before the commit: who reads the version finds it here. One that is never made, as the disk is
// full, is replaced by the next, which gets its number.
void ChangeJournal::record(std::uint64_t version, std::shared_ptr<TouchedObjects> touched) {
    const std::lock_guard lock(mutex_);
    if (version <= announced_) // a commit that makes no version
        return;
    while (!log_.empty() && log_.back().last >= version)
        log_.pop_back();
    log_.push_back({version, version, std::move(touched)});
    if (log_.size() >= std::max(join_at_, kJoinAt) && looks_ == 0)
        join();
}

// Entries that every follower takes together become one.
void ChangeJournal::join() {
    std::set<std::uint64_t> seen;
    for (const auto& [follower, place] : followers_)
        seen.insert(place.version);
    std::deque<Entry> joined;
    for (Entry& entry : log_) {
        const bool fits = !joined.empty() && entry.last <= announced_ &&
                          joined.back().last + 1 == entry.first &&
                          !seen.contains(joined.back().last);
        if (fits) {
            joined.back().touched->add(*entry.touched);
            joined.back().last = entry.last;
        } else {
            joined.push_back(std::move(entry));
        }
    }
    log_ = std::move(joined);
    join_at_ = 2 * log_.size();
}

void ChangeJournal::trim() {
    std::uint64_t seen_by_all = announced_;
    for (const auto& [follower, place] : followers_)
        seen_by_all = std::min(seen_by_all, place.version);
    while (!log_.empty() && (followers_.empty() || log_.front().last <= seen_by_all))
        log_.pop_front();
}

void ChangeJournal::announce(std::uint64_t version) {
    std::vector<std::shared_ptr<Follower>> alive;
    {
        const std::lock_guard lock(mutex_);
        announced_ = std::max(announced_, version);
        for (const auto& [key, place] : followers_)
            if (auto follower = place.follower.lock())
                alive.push_back(std::move(follower));
    }
    for (const auto& follower : alive)
        follower->on_change();
}

void ChangeJournal::follow(const std::shared_ptr<Follower>& follower,
                           TouchedObjects::Detail detail) {
    const std::lock_guard lock(mutex_);
    followers_.insert_or_assign(follower.get(), Place{follower, detail, 0});
}

void ChangeJournal::leave(const Follower& follower) {
    const std::lock_guard lock(mutex_);
    followers_.erase(&follower);
    trim();
}

std::uint64_t ChangeJournal::announced() const {
    const std::lock_guard lock(mutex_);
    return announced_;
}

ChangeJournal::Look::Look(ChangeJournal& journal, const Follower& follower)
    : journal_(journal), follower_(follower) {
    // Whatever is committed without an entry can be read before the look begins.
    const std::lock_guard unrecorded(journal_.unrecorded_);
    const std::lock_guard lock(journal_.mutex_);
    ++journal_.looks_;
}

ChangeJournal::Look::~Look() {
    const std::lock_guard lock(journal_.mutex_);
    --journal_.looks_;
}

TouchedObjects ChangeJournal::Look::between(sqlite::Database& snapshot, std::uint64_t after,
                                            std::uint64_t through) const {
    std::vector<Entry> entries;
    {
        const std::lock_guard lock(journal_.mutex_);
        for (const Entry& entry : journal_.log_)
            if (entry.first > after && entry.last <= through)
                entries.push_back(entry);
    }
    TouchedObjects touched(TouchedObjects::Detail::properties);
    std::uint64_t next = after + 1;
    for (const Entry& entry : entries) {
        if (entry.first > next)
            add_from_history(snapshot, next, entry.first - 1, touched);
        touched.add(*entry.touched);
        next = entry.last + 1;
    }
    if (next <= through)
        add_from_history(snapshot, next, through, touched);
    return touched;
}

void ChangeJournal::Look::arrive(std::uint64_t version) {
    const std::lock_guard lock(journal_.mutex_);
    const auto found = journal_.followers_.find(&follower_);
    if (found == journal_.followers_.end())
        return;
    found->second.version = version;
    journal_.trim();
}

} // namespace realmsync::realm
