// libFuzzer target: anything that clients may send over two connections, in any order. The input is
// a row of messages, each behind a byte (bit 0: which connection, bit 1: cut it first, bit 2: let
// the server work and answer, bit 3: the message begins one that is too large, bits 4 and 5: its
// log-in ends, another takes it over) and a length of two bytes. Idents are answered by the target,
// as their salts cannot be guessed. A third connection must stay undisturbed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/server.hpp"
#include "server/write_batch.hpp"
#include "simulation/server_storage.hpp"
#include "wire/outgoing.hpp"
#include "wire/parse.hpp"

using namespace realmsync;

namespace {

constexpr std::string_view kSubprotocol = "com.mongodb.realm-sync#14";

void require(bool condition) {
    if (!condition)
        std::abort();
}

// With its tables made, so that not every input pays for that.
std::shared_ptr<simulation::ServerStorage> new_storage() {
    static simulation::ServerStorage* const prepared = [] {
        auto* storage = new simulation::ServerStorage(1);
        storage->start()("app");
        return storage;
    }();
    return prepared->copy();
}

class Harness {
  public:
    Harness() : store_(new_storage()->start()("app")), engine_({}, 1) {
        witness_ = open();
        for (auto& client : clients_)
            client = open();
        send(witness_, "bind 1 9 0 1 0\n\"witness\"");
        work();
    }

    void step(std::uint8_t choice, std::string_view message) {
        server::ConnectionId& client = clients_[choice & 1];
        if (choice & 2) {
            engine_.closed(client);
            client = open();
        }
        if (choice & 16)
            engine_.revoke(client, ++now_);
        if (choice & 32)
            engine_.take_over(client, ++now_);
        if (choice & 8)
            engine_.refuse(client, message, std::uint64_t{1} << 40, ++now_);
        else
            send(client, message);
        if (choice & 4)
            work();
    }

    void finish() {
        work();
        send(witness_, "ping 42 0\n");
        auto answer = engine_.next_message(witness_, ++now_);
        require(answer && answer->substr(wire::kHeadRoom) == "pong 42\n");
        for (const auto client : clients_)
            engine_.closed(client);
        work();
        require(engine_.stats().backlog_bytes == 0 && engine_.stats().sessions == 1);
    }

  private:
    server::ConnectionId open() {
        return engine_.open_connection("app", "user", kSubprotocol, now_);
    }
    void send(server::ConnectionId connection, std::string_view message) {
        engine_.receive(connection, message, ++now_);
    }

    // Jobs and answers until nothing is left.
    void work() {
        bool again = true;
        while (std::exchange(again, false)) {
            again |= run_jobs();
            for (const auto connection : {witness_, clients_[0], clients_[1]})
                while (auto message = engine_.next_message(connection, ++now_)) {
                    read(connection, std::string_view(*message).substr(wire::kHeadRoom));
                    again = true;
                }
        }
        engine_.take_events();
    }

    bool run_jobs() {
        std::vector<server::WriterJob> writes;
        std::vector<server::Outcome> outcomes;
        auto jobs = engine_.take_jobs();
        for (auto& job : jobs) {
            if (auto* page = std::get_if<server::FetchPage>(&job))
                outcomes.push_back(
                    server::PageFetched{page->to, page->handle, store_->fetch_page(page->request)});
            else
                writes.push_back(std::move(std::get<server::WriterJob>(job)));
        }
        while (!writes.empty()) {
            auto result = server::run_write_batch(*store_, std::move(writes), limits_);
            writes = std::move(result.left);
            for (auto& outcome : result.outcomes) {
                require(!std::holds_alternative<server::JobFailed>(outcome));
                outcomes.push_back(std::move(outcome));
            }
        }
        for (auto& outcome : outcomes)
            engine_.on_outcome(std::move(outcome), ++now_);
        return !jobs.empty();
    }

    // Every message is one that a client can read.
    void read(server::ConnectionId connection, std::string_view bytes) {
        auto message = wire::parse_server_message(bytes, wire::Mode::partition, 14);
        require(static_cast<bool>(message));
        if (auto* ident = std::get_if<wire::ServerIdent>(&*message)) {
            send(connection, "ident " + std::to_string(ident->session) + " " +
                                 std::to_string(ident->file.ident) + " " +
                                 std::to_string(ident->file.salt) + " 0 0 0 0\n");
        } else if (auto* error = std::get_if<wire::JsonError>(&*message)) {
            const auto* info = wire::find_code(error->code);
            require(info && !info->lethal && wire::is_legal_level(error->code, error->session));
            require(connection != witness_);
        }
    }

    const server::WriteLimits limits_{[] {
        ServerTuning tuning;
        tuning.inflated_bytes = 1 << 20;
        return tuning;
    }()};
    std::unique_ptr<server::ServerStore> store_;
    server::Server engine_;
    std::int64_t now_ = 0;
    server::ConnectionId witness_ = 0;
    server::ConnectionId clients_[2] = {};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Harness harness;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    while (rest.size() >= 3) {
        const auto choice = static_cast<std::uint8_t>(rest[0]);
        const std::size_t length = static_cast<std::uint8_t>(rest[1]) |
                                   static_cast<std::size_t>(static_cast<std::uint8_t>(rest[2]))
                                       << 8;
        rest.remove_prefix(3);
        harness.step(choice, rest.substr(0, length));
        rest.remove_prefix(std::min(length, rest.size()));
    }
    harness.finish();
    return 0;
}
