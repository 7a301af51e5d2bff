#include "realm/commit_group.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace realmsync::realm {

void CommitGroup::begin(sqlite::Database& db) {
    REALMSYNC_ASSERT(!is_writing_);
    REALMSYNC_ASSERT(is_open() == has_waiting());
    if (is_open())
        savepoint_.emplace(db);
    else
        transaction_.emplace(db);
    is_writing_ = true;
}

std::uint64_t CommitGroup::defer(std::uint64_t version) {
    REALMSYNC_ASSERT(is_writing_);
    REALMSYNC_ASSERT(!has_waiting() || version > version_);
    if (savepoint_) {
        try {
            savepoint_->release();
        } catch (...) {
            rollback();
            throw;
        }
        savepoint_.reset();
    }
    is_writing_ = false;
    const std::uint64_t ticket = ++tickets_;
    if (!has_waiting())
        first_ = ticket;
    version_ = version;
    return ticket;
}

void CommitGroup::commit() {
    REALMSYNC_ASSERT(is_writing_);
    try {
        if (savepoint_) {
            savepoint_->release();
            savepoint_.reset();
        }
        write();
    } catch (...) {
        rollback();
        throw;
    }
    is_writing_ = false;
}

void CommitGroup::rollback() noexcept {
    REALMSYNC_ASSERT(is_open());
    is_writing_ = false;
    if (savepoint_) {
        try {
            savepoint_->rollback();
        } catch (const StoreError&) {
            transaction_.reset();
        }
        savepoint_.reset();
        if (transaction_ && transaction_->is_open()) // the deferred commits before it stay
            return;
    }
    if (has_waiting()) {
        std::lock_guard lock(lost_mutex_);
        lost_.emplace_back(first_, tickets_);
    }
    first_ = 0;
    transaction_.reset();
}

void CommitGroup::write() {
    transaction_->commit();
    transaction_.reset();
    first_ = 0;
}

std::uint64_t CommitGroup::flush(std::uint64_t ticket) {
    REALMSYNC_ASSERT(!is_writing_);
    REALMSYNC_ASSERT(ticket <= tickets_);
    if (has_waiting() && ticket >= first_) {
        try {
            write();
        } catch (...) {
            rollback();
            throw;
        }
        return version_;
    }
    require_kept(ticket);
    return 0;
}

void CommitGroup::require_kept(std::uint64_t ticket) const {
    std::lock_guard lock(lost_mutex_);
    if (std::any_of(lost_.begin(), lost_.end(), [&](const auto& range) {
            return ticket >= range.first && ticket <= range.second;
        }))
        throw StoreError(StoreFault::other,
                         "the transaction was lost when its group could not be written");
}

void CommitGroup::close() noexcept {
    REALMSYNC_ASSERT(!is_writing_);
    if (transaction_) {
        try {
            transaction_->commit();
        } catch (const std::exception&) { // nobody is left to be told
        }
    }
    transaction_.reset();
}

} // namespace realmsync::realm
