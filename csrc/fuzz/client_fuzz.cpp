// libFuzzer target: anything that a server may send over one connection with two sessions, in any
// order, with cuts, pauses and local writes in between. The input is a row of messages, each behind
// a byte (what happens before it) and a length of two bytes. An input of odd length is a server's
// of flexible sync. A second user's connection must stay undisturbed, and the engine must end every
// wait.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "client/client.hpp"
#include "realm/subscription_store.hpp"
#include "realm/write_transaction.hpp"
#include "simulation/client_storage.hpp"

using namespace realmsync;

namespace {

constexpr std::string_view kSubprotocol = "com.mongodb.realm-sync#14";
constexpr std::string_view kFlexible = "com.mongodb.realm-query-sync#14";

void require(bool condition) {
    if (!condition)
        std::abort();
}

// A local transaction that adds the class "A" with an integer key "_id".
void write(realm::RealmFile& file) {
    using namespace std::string_literals;
    static const auto change =
        std::make_shared<const std::string>("\x3f\0\1A\x3f\1\3_id\0\0\0\1\1\0"s);
    try {
        file.commit_changeset(change, 1);
    } catch (const ErrorException&) { // the server has made another class "A"
    }
}

// A new set of subscriptions; its version.
std::int64_t subscribe(realm::RealmFile& file) {
    const auto transaction =
        file.begin_write(file.writers().acquire(), realm::RealmFile::kPatience);
    realm::SubscriptionList list;
    list.insert_or_assign({"twelve bytes", 1, 1, std::nullopt, "A", "TRUEPREDICATE"});
    const std::int64_t version = transaction->add_subscriptions(list);
    transaction->commit(1);
    return version;
}

ClientTuning tuning() {
    ClientTuning t;
    t.download_limit_bytes = 1 << 20;
    t.download_parsed_bytes = 1 << 16;
    t.download_part_bytes = 1 << 10;
    return t;
}

class Harness {
  public:
    explicit Harness(bool flexible) : engine_(tuning(), 1), flexible_(flexible) {
        witness_ = open("witness", "null");
        sessions_[0] = open("user", "1");
        sessions_[1] = open("user", "2");
        work();
    }

    void step(std::uint8_t choice, std::string_view message) {
        const std::uint64_t session = sessions_[choice & 1];
        switch ((choice >> 1) & 7) {
        case 1: with(session, [](client::SyncSession& s) { s.pause(); }); break;
        case 2: with(session, [](client::SyncSession& s) { s.resume(false); }); break;
        case 3: engine_.closed(socket_, std::nullopt, "cut", now_); break;
        case 4: now_ += 70'000; break;
        case 5: write_to(session); break;
        case 6: waits_.insert(engine_.wait(session, client::Direction::download, now_)); break;
        case 7: waits_.insert(engine_.wait(session, client::Direction::upload, now_)); break;
        }
        if (choice & 16)
            work();
        if (choice & 64)
            engine_.on_network_change(now_);
        if (choice & 128)
            with(session, [](client::SyncSession& s) { s.reconnect(); });
        if (choice & 32)
            engine_.refuse(socket_, message, 1 << 30, now_);
        else
            engine_.receive(socket_, message, now_);
        work();
    }

    void finish() {
        with(witness_, [](client::SyncSession& s) { s.reconnect(); });
        require(engine_.find(witness_)->state() == client::Lifecycle::active);
        engine_.shutdown(now_);
        work();
        require(waits_.empty() && engine_.connection_count() == 0);
    }

  private:
    void write_to(std::uint64_t session) {
        realm::RealmFile& file = *stores_.at(session)->file();
        write(file);
        if (flexible_)
            waits_.insert(engine_.wait_for_set(session, subscribe(file), now_));
    }

    template <class F> void with(std::uint64_t session, F&& use) {
        engine_.with(session, now_, use);
    }

    std::uint64_t open(const char* user, const char* partition) {
        client::SyncSessionConfig config;
        config.user = user;
        if (flexible_)
            config.terms.mode = wire::Mode::flexible;
        else
            config.terms.partition = partition;
        config.route.url = std::string("ws://") + user + "/sync";
        config.route.verified = true;
        const std::uint64_t session = engine_.add_session(std::move(config));
        stores_[session] = std::make_shared<simulation::ClientStorage>();
        if (flexible_) {
            realm::RealmFile& file = *stores_[session]->file();
            file.claim_flexible(file.writers().acquire());
        }
        with(session, [](client::SyncSession& s) { s.revive(false); });
        return session;
    }

    // Runs jobs, accepts connections and takes all messages, until nothing moves any more.
    void work() {
        for (bool moved = true; moved;) {
            moved = false;
            engine_.on_timer(now_);
            for (client::StoreJob& job : engine_.take_jobs()) {
                client::ClientStore& store = *stores_.at(job.sync_session);
                engine_.on_outcome(client::run(std::move(job), store), now_);
                moved = true;
            }
            for (const client::Event& event : engine_.take_events()) {
                moved = true;
                if (const auto* connect = std::get_if<client::Connect>(&event)) {
                    if (connect->url.starts_with("ws://user"))
                        socket_ = connect->socket;
                    engine_.connected(connect->socket, flexible_ ? kFlexible : kSubprotocol, now_);
                } else if (const auto* wait = std::get_if<client::WaitResolved>(&event)) {
                    require(waits_.erase(wait->wait) == 1); // exactly once
                }
            }
            while (engine_.next_message(socket_, now_))
                moved = true;
        }
    }

    client::Client engine_;
    const bool flexible_;
    std::map<std::uint64_t, std::shared_ptr<simulation::ClientStorage>> stores_;
    std::set<std::uint64_t> waits_;
    std::uint64_t witness_ = 0, sessions_[2] = {}, socket_ = 0;
    std::int64_t now_ = 1;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Harness harness(size % 2 != 0);
    while (size >= 3) {
        const std::uint8_t choice = data[0];
        const std::size_t length = std::min<std::size_t>(data[1] << 8 | data[2], size - 3);
        harness.step(choice, {reinterpret_cast<const char*>(data + 3), length});
        data += 3 + length;
        size -= 3 + length;
    }
    harness.finish();
    return 0;
}
