// RealmHandle's transactions: begun in the writer's turn, owned by a thread and a task, ended.
#include "bindings/realm/realm_handle.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/subscription_store.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using realm::WriterQueue;
using realm::WriteTransaction;

namespace {

constexpr std::chrono::milliseconds kAtOnce{0};

} // namespace

void RealmHandle::require_free() const {
    require_usable();
    if (transaction_)
        raise_python("WrongTransactionStateError",
                     "The Realm is already in a write transaction" + owner_.of_whom());
}

// Python code that a write calls (defaults, iterables, handlers of signals) may not end it.
void RealmHandle::require_settled() const {
    if (changing_ > 0)
        raise_python("WrongTransactionStateError", "A write of this Realm is under way");
}

std::uint64_t RealmHandle::begun(std::unique_ptr<WriteTransaction> transaction, TurnOwner owner) {
    if (!transaction)
        return 0;
    if (file_->is_flexible())
        transaction->require_subscriptions();
    set_transaction(std::move(transaction));
    owner_ = std::move(owner);
    return ++begun_;
}

std::uint64_t RealmHandle::begin(std::optional<double> timeout) {
    require_free();
    TurnOwner owner = TurnOwner::caller();
    const auto file = file_; // a handler of a signal may close the realm
    auto transaction = wait_and_begin(file, owner.queue_owner(), timeout);
    require_free();
    return begun(std::move(transaction), std::move(owner));
}

std::uint64_t RealmHandle::try_begin() {
    require_usable();
    TurnOwner owner = TurnOwner::caller();
    WriterQueue::Turn turn = file_->writers().try_acquire(owner.queue_owner());
    if (!turn)
        return 0;
    return begun(file_->begin_write(std::move(turn), kAtOnce), std::move(owner));
}

void RealmHandle::refuse_nested() const {
    require_usable();
    refuse_own_turn(*file_, caller(), false);
}

std::uint64_t RealmHandle::begin_granted(WriteTicket& ticket) {
    require_free();
    TurnOwner owner = TurnOwner::caller();
    return begun(ticket.begin(owner.queue_owner(), kAtOnce), std::move(owner));
}

void RealmHandle::mark() { load_.emplace(object_transaction()); }

void RealmHandle::keep() {
    if (load_)
        load_->keep();
    load_.reset();
}

void RealmHandle::undo() {
    recent_.forget();
    load_.reset();
}

bool RealmHandle::adopt(std::uint64_t number) {
    if (!transaction_ || begun_ != number)
        return false;
    require_settled();
    owner_ = TurnOwner::caller();
    return true;
}

std::uint64_t RealmHandle::commit(std::uint64_t now, bool deferred) {
    transaction();
    require_settled();
    auto transaction = set_transaction(nullptr);
    WithoutGil release;
    return transaction->commit(now, deferred).ticket;
}

// What listens from here on would take what is not committed for what has always been there.
void RealmHandle::require_unchanged() {
    require_usable();
    if (in_transaction() && transaction_->has_changes())
        raise_python("WrongTransactionStateError",
                     "Cannot create asynchronous query after making changes in a write "
                     "transaction.");
}

PendingCommit RealmHandle::take_commit() {
    transaction();
    require_settled();
    file_->writers().disown();
    return PendingCommit(set_transaction(nullptr));
}

void RealmHandle::rollback() {
    transaction();
    require_settled();
    auto transaction = set_transaction(nullptr);
    WithoutGil release;
    transaction.reset();
}

// What was read so far may look different in another transaction, or outside.
std::unique_ptr<realm::WriteTransaction>
RealmHandle::set_transaction(std::unique_ptr<realm::WriteTransaction> transaction) {
    recent_.forget();
    load_.reset(); // half a load does not become part of it
    writer_current_ = is_of_subscriptions_ = false;
    return std::exchange(transaction_, std::move(transaction));
}

WriteTransaction& RealmHandle::transaction() {
    if (!origin_.is_here() || !file_)
        require_usable();
    if (!transaction_)
        raise_python("WrongTransactionStateError",
                     "Cannot modify managed objects outside of a write transaction.");
    if (!owner_.is_caller())
        raise_python("WrongTransactionStateError",
                     "The Realm is in a write transaction" + owner_.of_whom() +
                         ": others begin their own, with write(), when it has ended");
    return *transaction_;
}

WriteTransaction& RealmHandle::object_transaction() {
    WriteTransaction& own = transaction();
    if (is_of_subscriptions_)
        raise_python("WrongTransactionStateError",
                     "Objects cannot be written while subscriptions are updated.");
    return own;
}

realm::SubscriptionList RealmHandle::edit_subscriptions() {
    sqlite::Database& db = transaction().connection().db;
    is_of_subscriptions_ = true;
    return realm::subscription_store::subscriptions(db,
                                                    realm::subscription_store::load(db).latest());
}

std::int64_t RealmHandle::add_subscriptions(const realm::SubscriptionList& list) {
    return transaction().add_subscriptions(list);
}

} // namespace realmsync::bindings
