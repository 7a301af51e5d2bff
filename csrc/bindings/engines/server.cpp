// The server runtime for Python: plain numbers and bytes, no policy. The transport calls
// receive/next_message through the C functions of bridge.h; the rest is for the event loop and for
// tests.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <variant>

#include "bindings/bind.hpp"
#include "bindings/engines/bridge.h"
#include "bindings/engines/tuning.hpp"
#include "bindings/values/profile.hpp"
#include "partitions/partition_db.hpp"
#include "runtime/server_runtime.hpp"
#include "simulation/memory.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using runtime::ServerRuntime;
using simulation::MemoryState;

static_assert(server::kHeadRoom == REALMSYNC_HEAD_ROOM);

// Longer messages are handled without the GIL: copying them takes more than a few microseconds.
constexpr std::size_t kLongMessage = 16 << 10;

// For connection ids and the spread of restarts; salts come from the store.
std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

ServerTuning server_tuning(const py::dict& values) {
    ServerTuning tuning;
    const std::pair<const char*,
                    std::variant<std::int64_t ServerTuning::*, std::uint64_t ServerTuning::*>>
        members[] = {
            {"sessions_per_connection", &ServerTuning::sessions_per_connection},
            {"message_bytes", &ServerTuning::message_bytes},
            {"inflated_bytes", &ServerTuning::inflated_bytes},
            {"silence_ms", &ServerTuning::silence_ms},
            {"stall_ms", &ServerTuning::stall_ms},
            {"soft_close_ms", &ServerTuning::soft_close_ms},
            {"pause_ms", &ServerTuning::pause_ms},
            {"shared_page_bytes", &ServerTuning::shared_page_bytes},
            {"page_bytes", &ServerTuning::page_bytes},
            {"pages_per_connection", &ServerTuning::pages_per_connection},
            {"partition_backlog_bytes", &ServerTuning::partition_backlog_bytes},
            {"process_backlog_bytes", &ServerTuning::process_backlog_bytes},
            {"commit_bytes", &ServerTuning::commit_bytes},
            {"commit_jobs", &ServerTuning::commit_jobs},
            {"idle_partitions", &ServerTuning::idle_partitions},
            {"log_messages", &ServerTuning::log_messages},
            {"pings", &ServerTuning::pings},
            {"test_commands", &ServerTuning::test_commands},
            {"drain_ms", &ServerTuning::drain_ms},
            {"restart_backoff_min_s", &ServerTuning::restart_backoff_min_s},
            {"restart_backoff_max_s", &ServerTuning::restart_backoff_max_s},
            {"restart_connections_per_s", &ServerTuning::restart_connections_per_s},
            {"overload_backoff_s", &ServerTuning::overload_backoff_s},
            {"overload_backoff_max_s", &ServerTuning::overload_backoff_max_s},
    };
    set_members(tuning, members, values);
    return tuning;
}

const char* level_name(server::LogLevel level) {
    switch (level) {
    case server::LogLevel::debug: return "debug";
    case server::LogLevel::info: return "info";
    case server::LogLevel::warning: return "warning";
    case server::LogLevel::error: break;
    }
    return "error";
}

py::tuple to_python(const server::Event& event) {
    return std::visit(
        [](const auto& e) -> py::tuple {
            using E = std::decay_t<decltype(e)>;
            if constexpr (std::is_same_v<E, server::Writable>)
                return py::make_tuple("writable", e.connection);
            else if constexpr (std::is_same_v<E, server::Close>)
                return py::make_tuple("close", e.connection, e.code);
            else if constexpr (std::is_same_v<E, server::Drop>)
                return py::make_tuple("drop", e.connection);
            else if constexpr (std::is_same_v<E, server::PauseReading>)
                return py::make_tuple("pause_reading", e.connection);
            else if constexpr (std::is_same_v<E, server::ResumeReading>)
                return py::make_tuple("resume_reading", e.connection);
            else if constexpr (std::is_same_v<E, server::StorageFailed>)
                return py::make_tuple("storage_failed", e.message);
            else
                return py::make_tuple("log", level_name(e.level), e.text);
        },
        event);
}

// The runtime with its C functions. Single-threaded like the runtime itself.
class PyServerRuntime {
  public:
    PyServerRuntime(std::unique_ptr<server::ServerStore> store, unsigned workers,
                    std::uint64_t seed, const ServerTuning& tuning)
        : runtime_(std::move(store), workers, seed, tuning) {
        endpoint_ = {this, &receive, &next_message, &release};
    }
    ~PyServerRuntime() {
        py::gil_scoped_release release;
        runtime_.close();
    }

    ServerRuntime& runtime() { return runtime_; }
    py::capsule endpoint() { return py::capsule(&endpoint_, REALMSYNC_ENDPOINT_CAPSULE); }

    py::list drain(std::int64_t now) {
        std::vector<server::Event> events;
        {
            py::gil_scoped_release release;
            events = runtime_.drain(now);
        }
        py::list result;
        for (const auto& event : events)
            result.append(to_python(event));
        return result;
    }
    void receive_bytes(server::ConnectionId connection, const py::bytes& data, std::int64_t now) {
        const auto message = static_cast<std::string_view>(data);
        std::optional<py::gil_scoped_release> release;
        if (message.size() > kLongMessage)
            release.emplace();
        runtime_.receive(connection, message, now);
    }
    std::optional<py::bytes> next_bytes(server::ConnectionId connection, std::int64_t now) {
        auto message = runtime_.next_message(connection, now);
        if (!message)
            return std::nullopt;
        return py::bytes(message->data() + server::kHeadRoom, message->size() - server::kHeadRoom);
    }
    py::dict stats() const {
        const server::Stats stats = runtime_.stats();
        py::dict result;
        result["connections"] = stats.connections;
        result["sessions"] = stats.sessions;
        result["partitions"] = stats.partitions;
        result["backlog_bytes"] = stats.backlog_bytes;
        result["messages_received"] = stats.messages_received;
        result["messages_sent"] = stats.messages_sent;
        result["changesets_integrated"] = stats.changesets_integrated;
        result["downloads_sent"] = stats.downloads_sent;
        result["session_errors"] = stats.session_errors;
        result["connection_errors"] = stats.connection_errors;
        result["commits"] = runtime_.commits();
        return result;
    }

  private:
    static void receive(void* self, std::uint64_t connection, const char* data, std::size_t size,
                        std::int64_t now) {
        static_cast<PyServerRuntime*>(self)->runtime_.receive(connection, {data, size}, now);
    }
    static int next_message(void* self, std::uint64_t connection, std::int64_t now,
                            realmsync_message* out) {
        auto message = static_cast<PyServerRuntime*>(self)->runtime_.next_message(connection, now);
        if (!message)
            return 0;
        auto* owner = new std::string(std::move(*message));
        *out = {owner->data() + server::kHeadRoom, owner->size() - server::kHeadRoom, owner};
        return 1;
    }
    static void release(void*, realmsync_message* message) {
        delete static_cast<std::string*>(message->owner);
        message->owner = nullptr;
    }

    ServerRuntime runtime_;
    realmsync_endpoint endpoint_{};
};

std::shared_ptr<const simulation::MemoryPartition>
find_partition(MemoryState& state, const std::string& app_id, const std::string& key) {
    std::lock_guard lock(state.mutex);
    auto found = state.ids.find({app_id, key});
    if (found == state.ids.end())
        throw py::key_error(key);
    return state.partitions.at(found->second);
}

void bind_memory_store(py::module_& m) {
    py::class_<MemoryState, std::shared_ptr<MemoryState>>(m, "MemoryStore")
        .def(py::init([](std::uint64_t seed) {
                 auto state = std::make_shared<MemoryState>();
                 state->seed = seed;
                 return state;
             }),
             py::arg("seed") = 0)
        .def("copy", &MemoryState::copy)
        .def(
            "fail_commit",
            [](MemoryState& state, bool stored) {
                state.commit_fault =
                    stored ? MemoryState::CommitFault::unanswered : MemoryState::CommitFault::lost;
            },
            py::arg("stored"))
        .def("fail_append", [](MemoryState& state) { state.append_fault = true; })
        .def("fail_page", [](MemoryState& state) { state.page_fault = true; })
        .def("entries",
             [](MemoryState& state, const std::string& app_id, const std::string& key) {
                 py::list result;
                 for (const auto& entry : find_partition(state, app_id, key)->entries)
                     result.append(py::make_tuple(entry->file_ident, entry->client_version,
                                                  py::bytes(entry->changeset)));
                 return result;
             })
        .def("files", [](MemoryState& state, const std::string& app_id, const std::string& key) {
            py::dict result;
            for (const auto& [ident, file] : find_partition(state, app_id, key)->files)
                result[py::int_(ident)] =
                    py::make_tuple(file.stored.client_version, file.stored.server_version,
                                   file.locked_server_version);
            return result;
        });
}

sqlite::Durability parse_durability(const std::string& name) {
    if (name == "full")
        return sqlite::Durability::full;
    if (name == "process")
        return sqlite::Durability::off;
    throw py::value_error("durability is 'full' or 'process', not '" + name + "'");
}

// `target` is the data directory, or a MemoryStore.
std::unique_ptr<PyServerRuntime>
open_runtime(const std::variant<std::string, std::shared_ptr<MemoryState>>& target,
             unsigned workers, std::optional<std::uint64_t> seed, const std::string& durability,
             const std::string& merge_profile, const py::dict& tuning) {
    const merge::Profile profile = to_profile(merge_profile);
    std::unique_ptr<server::ServerStore> opened;
    if (const auto* path = std::get_if<std::string>(&target))
        opened = std::make_unique<partitions::PartitionDb>(*path, parse_durability(durability),
                                                           StoreTuning{}, profile);
    else
        opened = std::make_unique<simulation::MemoryStore>(
            std::get<std::shared_ptr<MemoryState>>(target), profile);
    return std::make_unique<PyServerRuntime>(std::move(opened), workers,
                                             seed ? *seed : random_seed(), server_tuning(tuning));
}

} // namespace

void bind_server(py::module_& m) {
    bind_memory_store(m);
    py::class_<PyServerRuntime>(m, "ServerRuntime")
        .def(py::init(&open_runtime), py::arg("store"), py::kw_only(), py::arg("workers") = 2,
             py::arg("seed") = py::none(), py::arg("durability") = "full",
             py::arg("merge_profile") = "safe", py::arg("tuning") = py::dict())
        .def("fileno", [](PyServerRuntime& self) { return self.runtime().fileno(); })
        .def("endpoint", &PyServerRuntime::endpoint)
        .def("drain", &PyServerRuntime::drain, py::arg("now_ms"))
        .def("deadline", [](PyServerRuntime& self) { return self.runtime().deadline(); })
        .def(
            "open_connection",
            [](PyServerRuntime& self, std::string_view app_id, std::string_view user_id,
               std::string_view subprotocol, std::int64_t now) {
                return self.runtime().open_connection(app_id, user_id, subprotocol, now);
            },
            py::arg("app_id"), py::arg("user_id"), py::arg("subprotocol"), py::arg("now_ms"))
        .def("receive", &PyServerRuntime::receive_bytes, py::arg("conn"), py::arg("data"),
             py::arg("now_ms"))
        .def("next_message", &PyServerRuntime::next_bytes, py::arg("conn"), py::arg("now_ms"))
        .def(
            "closed",
            [](PyServerRuntime& self, server::ConnectionId connection, std::int64_t) {
                self.runtime().closed(connection);
            },
            py::arg("conn"), py::arg("now_ms"))
        .def(
            "shutdown",
            [](PyServerRuntime& self, std::int64_t now) { self.runtime().shutdown(now); },
            py::arg("now_ms"))
        .def("close",
             [](PyServerRuntime& self) {
                 py::gil_scoped_release release;
                 self.runtime().close();
             })
        .def("stats", &PyServerRuntime::stats);
}

} // namespace realmsync::bindings
