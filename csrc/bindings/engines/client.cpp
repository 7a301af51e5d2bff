// The client runtime for Python: plain numbers, text and bytes, no policy. The transport calls
// receive/next_message through the C functions of bridge.h; the rest is for the sync package and
// for tests.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "bindings/bind.hpp"
#include "bindings/engines/bridge.h"
#include "bindings/engines/tuning.hpp"
#include "client/backoff.hpp"
#include "client/progress.hpp"
#include "runtime/client_runtime.hpp"
#include "simulation/memory_client.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using client::Client;
using client::SyncSession;
using runtime::ClientRuntime;
using simulation::MemoryClientStore;

ClientTuning client_tuning(const py::dict& values) {
    ClientTuning tuning;
    const std::pair<const char*,
                    std::variant<std::int64_t ClientTuning::*, std::uint64_t ClientTuning::*>>
        members[] = {
            {"connect_timeout_ms", &ClientTuning::connect_timeout_ms},
            {"linger_ms", &ClientTuning::linger_ms},
            {"ping_period_ms", &ClientTuning::ping_period_ms},
            {"pong_timeout_ms", &ClientTuning::pong_timeout_ms},
            {"fast_reconnect_limit_ms", &ClientTuning::fast_reconnect_limit_ms},
            {"reconnect_first_ms", &ClientTuning::reconnect_first_ms},
            {"reconnect_max_ms", &ClientTuning::reconnect_max_ms},
            {"reconnect_multiplier", &ClientTuning::reconnect_multiplier},
            {"reconnect_jitter_divisor", &ClientTuning::reconnect_jitter_divisor},
            {"session_closed_resume_ms", &ClientTuning::session_closed_resume_ms},
            {"upload_soft_bytes", &ClientTuning::upload_soft_bytes},
            {"upload_hard_bytes", &ClientTuning::upload_hard_bytes},
            {"download_limit_bytes", &ClientTuning::download_limit_bytes},
            {"download_backlog_bytes", &ClientTuning::download_backlog_bytes},
    };
    set_members(tuning, members, values);
    return tuning;
}

const char* name_of(client::ConnectionState state) {
    switch (state) {
    case client::ConnectionState::connecting: return "connecting";
    case client::ConnectionState::connected: return "connected";
    case client::ConnectionState::disconnected: break;
    }
    return "disconnected";
}

const char* name_of(client::FileAction action) {
    switch (action) {
    case client::FileAction::remove: return "remove";
    case client::FileAction::back_up_then_remove: return "back_up_then_remove";
    case client::FileAction::none: break;
    }
    return "none";
}

client::Direction parse_direction(const std::string& text) {
    if (text == "upload")
        return client::Direction::upload;
    if (text == "download")
        return client::Direction::download;
    throw py::value_error("direction is 'upload' or 'download', not '" + text + "'");
}

client::StopPolicy parse_policy(const std::string& text) {
    if (text == "after-upload")
        return client::StopPolicy::after_changes_uploaded;
    if (text == "immediately")
        return client::StopPolicy::immediately;
    if (text == "never")
        return client::StopPolicy::live_indefinitely;
    throw py::value_error("no such stop policy: " + text);
}

py::tuple call_tuple(const client::Notifiers::Call& call) {
    return py::make_tuple(call.transferred, call.transferable, call.estimate, call.expired);
}

struct ToPython {
    py::tuple operator()(const client::Connect& e) const {
        py::dict headers;
        for (const auto& [name, value] : e.headers)
            headers[py::str(name)] = value;
        return py::make_tuple("connect", e.socket, e.url, e.subprotocols, headers);
    }
    py::tuple operator()(const client::Writable& e) const {
        return py::make_tuple("writable", e.socket);
    }
    py::tuple operator()(const client::Close& e) const {
        return py::make_tuple("close", e.socket, e.code);
    }
    py::tuple operator()(const client::PauseReading& e) const {
        return py::make_tuple("pause_reading", e.socket);
    }
    py::tuple operator()(const client::ResumeReading& e) const {
        return py::make_tuple("resume_reading", e.socket);
    }
    py::tuple operator()(const client::LifecycleChanged& e) const {
        return py::make_tuple("lifecycle", e.session, int(e.state));
    }
    py::tuple operator()(const client::ConnectionChanged& e) const {
        return py::make_tuple("connection", e.session, name_of(e.current), name_of(e.previous));
    }
    py::tuple operator()(const client::Progressed& e) const {
        return py::make_tuple("progress", e.session, e.call.token, call_tuple(e.call));
    }
    py::tuple operator()(const client::WaitResolved& e) const {
        return py::make_tuple("wait", e.session, e.wait, e.status, e.message);
    }
    py::tuple operator()(const client::Errored& e) const {
        py::dict d;
        d["code"] = e.failure.status;
        d["message"] = e.failure.message;
        d["log_url"] = e.failure.log_url;
        d["is_fatal"] = e.failure.fatal;
        d["action"] = std::string(client::to_string(e.failure.action));
        d["client_reset"] = e.client_reset;
        d["file_action"] = name_of(e.file_action);
        return py::make_tuple("error", e.session, d);
    }
    py::tuple operator()(const client::Released& e) const {
        return py::make_tuple("released", e.session);
    }
    py::tuple operator()(const client::ServerLog& e) const {
        return py::make_tuple("log", e.level, e.message);
    }
    py::tuple operator()(const client::RefreshToken& e) const {
        return py::make_tuple("refresh_token", e.session);
    }
    py::tuple operator()(const client::RefreshLocation& e) const {
        return py::make_tuple("refresh_location", e.session);
    }
    py::tuple operator()(const client::LogOut& e) const {
        return py::make_tuple("log_out", e.session);
    }
};

// The runtime with its C functions.
class PyClientRuntime {
  public:
    PyClientRuntime(unsigned workers, std::uint64_t seed, const ClientTuning& tuning)
        : runtime_(workers, seed, tuning) {
        endpoint_ = {this, &receive, &next_message, &release};
    }
    ~PyClientRuntime() { close(); }

    ClientRuntime& runtime() { return runtime_; }
    py::capsule endpoint() { return py::capsule(&endpoint_, REALMSYNC_ENDPOINT_CAPSULE); }
    void close() {
        py::gil_scoped_release release;
        runtime_.close();
    }
    py::list drain(std::int64_t now) {
        std::vector<client::Event> events;
        {
            py::gil_scoped_release release;
            events = runtime_.drain(now);
        }
        py::list result;
        for (const client::Event& event : events)
            result.append(std::visit(ToPython{}, event));
        return result;
    }
    std::optional<py::bytes> next_bytes(std::uint64_t socket, std::int64_t now) {
        const auto message = runtime_.next_message(socket, 0, now);
        return message ? std::optional(py::bytes(*message)) : std::nullopt;
    }

  private:
    static void receive(void* self, std::uint64_t socket, const char* data, std::size_t size,
                        std::int64_t now) {
        static_cast<PyClientRuntime*>(self)->runtime_.receive(socket, {data, size}, now);
    }
    static int next_message(void* self, std::uint64_t socket, std::int64_t now,
                            realmsync_message* out) {
        auto message = static_cast<PyClientRuntime*>(self)->runtime_.next_message(
            socket, REALMSYNC_HEAD_ROOM, now);
        if (!message)
            return 0;
        auto* owner = new std::string(std::move(*message));
        *out = {owner->data() + REALMSYNC_HEAD_ROOM, owner->size() - REALMSYNC_HEAD_ROOM, owner};
        return 1;
    }
    static void release(void*, realmsync_message* message) {
        delete static_cast<std::string*>(message->owner);
        message->owner = nullptr;
    }

    ClientRuntime runtime_;
    realmsync_endpoint endpoint_{};
};

// Calls that take the engine's mutex give the GIL away first: a worker never needs it, but another
// thread may hold the mutex while it waits for nothing but the processor.
template <class F> auto unlocked(F&& use) {
    py::gil_scoped_release release;
    return use();
}

template <class F> void on_session(PyClientRuntime& self, std::uint64_t session, F&& use) {
    unlocked([&] { self.runtime().with(session, use); });
}

using Pair = std::pair<std::string, std::string>;

client::Route make_route(std::string url, std::string token, bool verified,
                         std::vector<Pair> headers) {
    return {std::move(url), std::move(token), verified, std::move(headers)};
}

std::uint64_t add_session(PyClientRuntime& self, std::shared_ptr<client::ClientStore> store,
                          std::string user, std::string partition, std::string url,
                          std::string token, bool verified, std::vector<Pair> headers,
                          const std::string& policy, bool cancel_waits, bool manual_reset) {
    client::SyncSessionConfig config;
    config.user = std::move(user);
    config.partition = std::move(partition);
    config.route = make_route(std::move(url), std::move(token), verified, std::move(headers));
    config.stop_policy = parse_policy(policy);
    config.cancel_waits_on_nonfatal_error = cancel_waits;
    config.manual_client_reset = manual_reset;
    return unlocked(
        [&] { return self.runtime().add_session(std::move(store), std::move(config)); });
}

py::tuple add_notifier(PyClientRuntime& self, std::uint64_t session, const std::string& direction,
                       bool streaming) {
    const auto d = parse_direction(direction);
    client::Notifiers::Registration r{};
    on_session(self, session, [&](SyncSession& s) { r = s.add_notifier(d, streaming); });
    return py::make_tuple(r.token, r.call ? py::object(call_tuple(*r.call)) : py::none());
}

void bind_transport(py::class_<PyClientRuntime>& c) {
    c.def("fileno", [](PyClientRuntime& self) { return self.runtime().fileno(); })
        .def("endpoint", &PyClientRuntime::endpoint)
        .def("drain", &PyClientRuntime::drain, py::arg("now_ms"))
        .def("deadline",
             [](PyClientRuntime& self) {
                 return unlocked([&] { return self.runtime().deadline(); });
             })
        .def(
            "connected",
            [](PyClientRuntime& self, std::uint64_t socket, const std::string& protocol,
               std::int64_t now) {
                unlocked([&] {
                    self.runtime().call([&](Client& c) {
                        c.set_time(now);
                        c.connected(socket, protocol);
                    });
                });
            },
            py::arg("conn"), py::arg("protocol"), py::arg("now_ms"))
        .def(
            "connect_failed",
            [](PyClientRuntime& self, std::uint64_t socket, const std::string& failure, int status,
               const std::string& message, std::int64_t now) {
                unlocked([&] {
                    self.runtime().call([&](Client& c) {
                        c.set_time(now);
                        c.connect_failed(socket, failure, status, message);
                    });
                });
            },
            py::arg("conn"), py::arg("failure"), py::arg("status"), py::arg("message"),
            py::arg("now_ms"))
        .def(
            "closed",
            [](PyClientRuntime& self, std::uint64_t socket, std::optional<int> code,
               const std::string& reason, std::int64_t now) {
                unlocked([&] {
                    self.runtime().call([&](Client& c) {
                        c.set_time(now);
                        c.closed(socket, code, reason);
                    });
                });
            },
            py::arg("conn"), py::arg("close_code"), py::arg("reason"), py::arg("now_ms"))
        .def(
            "receive",
            [](PyClientRuntime& self, std::uint64_t socket, std::string_view data,
               std::int64_t now) { unlocked([&] { self.runtime().receive(socket, data, now); }); },
            py::arg("conn"), py::arg("data"), py::arg("now_ms"))
        .def("next_message", &PyClientRuntime::next_bytes, py::arg("conn"), py::arg("now_ms"))
        .def("close", &PyClientRuntime::close);
}

void bind_sessions(py::class_<PyClientRuntime>& c) {
    c.def("enable_multiplexing",
          [](PyClientRuntime& self, bool enabled) {
              return unlocked([&] {
                  return self.runtime().call(
                      [&](Client& c) { return c.enable_multiplexing(enabled); });
              });
          })
        .def("add_session", &add_session, py::arg("store"), py::kw_only(), py::arg("user"),
             py::arg("partition"), py::arg("url"), py::arg("access_token") = "",
             py::arg("verified") = false, py::arg("headers") = std::vector<Pair>{},
             py::arg("stop_policy") = "after-upload", py::arg("cancel_waits") = false,
             py::arg("manual_reset") = false)
        .def("remove_session",
             [](PyClientRuntime& self, std::uint64_t session) {
                 unlocked([&] { self.runtime().remove_session(session); });
             })
        .def(
            "revive",
            [](PyClientRuntime& self, std::uint64_t session, bool token_expired) {
                on_session(self, session, [&](SyncSession& s) { s.revive(token_expired); });
            },
            py::arg("session"), py::arg("token_expired") = false)
        .def(
            "resume",
            [](PyClientRuntime& self, std::uint64_t session, bool token_expired) {
                on_session(self, session, [&](SyncSession& s) { s.resume(token_expired); });
            },
            py::arg("session"), py::arg("token_expired") = false)
        .def("pause",
             [](PyClientRuntime& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) { s.pause(); });
             })
        .def("force_close",
             [](PyClientRuntime& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) {
                     s.force_close(client::status::kOperationAborted, "");
                 });
             })
        .def("close_session",
             [](PyClientRuntime& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) { s.close(); });
             })
        .def("reconnect",
             [](PyClientRuntime& self, std::uint64_t session) {
                 on_session(self, session, [](SyncSession& s) { s.reconnect(); });
             })
        .def("wait",
             [](PyClientRuntime& self, std::uint64_t session, const std::string& direction) {
                 const auto d = parse_direction(direction);
                 return unlocked([&] {
                     return self.runtime().call([&](Client& c) { return c.wait(session, d); });
                 });
             })
        .def("add_notifier", &add_notifier, py::arg("session"), py::arg("direction"),
             py::arg("streaming"))
        .def("remove_notifier",
             [](PyClientRuntime& self, std::uint64_t session, std::uint64_t token) {
                 on_session(self, session, [&](SyncSession& s) { s.remove_notifier(token); });
             })
        .def("simulate_error",
             [](PyClientRuntime& self, std::uint64_t session, std::int32_t status,
                const std::string& message, bool fatal, const std::string& action) {
                 client::Failure failure;
                 failure.status = status;
                 failure.message = message;
                 failure.fatal = fatal;
                 failure.action = client::parse_action(action);
                 on_session(self, session, [&](SyncSession& s) { s.report_error(failure); });
             })
        .def("set_access_token",
             [](PyClientRuntime& self, const std::string& user, const std::string& token) {
                 unlocked([&] {
                     self.runtime().call([&](Client& c) { c.set_access_token(user, token); });
                 });
             })
        .def("token_refresh_failed",
             [](PyClientRuntime& self, std::uint64_t session, bool authentication,
                std::int32_t status, const std::string& message) {
                 on_session(self, session, [&](SyncSession& s) {
                     s.token_refresh_failed(authentication, status, message);
                 });
             })
        .def("set_route",
             [](PyClientRuntime& self, std::uint64_t session, std::string url, std::string token,
                bool verified, std::vector<Pair> headers) {
                 const auto route =
                     make_route(std::move(url), std::move(token), verified, std::move(headers));
                 unlocked(
                     [&] { self.runtime().call([&](Client& c) { c.set_route(session, route); }); });
             })
        .def("log_out",
             [](PyClientRuntime& self, const std::string& user) {
                 unlocked([&] { self.runtime().call([&](Client& c) { c.log_out(user); }); });
             })
        .def("shutdown", [](PyClientRuntime& self) {
            unlocked([&] { self.runtime().call([](Client& c) { c.shutdown(); }); });
        });
    c.def("facts", [](PyClientRuntime& self, std::uint64_t session) {
        std::tuple<int, const char*, std::uint64_t> facts{int(client::Lifecycle::inactive),
                                                          "disconnected", 0};
        on_session(self, session, [&](SyncSession& s) {
            facts = {int(s.state()), name_of(s.connection_state()), s.file_ident()};
        });
        return facts;
    });
    c.def("connection_count", [](PyClientRuntime& self) {
        return unlocked(
            [&] { return self.runtime().call([](Client& c) { return c.connection_count(); }); });
    });
}

void bind_memory_store(py::module_& m) {
    py::class_<MemoryClientStore, client::ClientStore, std::shared_ptr<MemoryClientStore>>(
        m, "MemoryClientStore")
        .def(py::init<>())
        .def("commit",
             [](MemoryClientStore& s, const py::bytes& changeset, std::uint64_t timestamp) {
                 std::string bytes = changeset;
                 return unlocked([&] { return s.commit(std::move(bytes), timestamp); });
             })
        .def("fail_integration",
             [](MemoryClientStore& s, const std::string& kind) {
                 s.fail_integration(kind == "bad_progress" ? ErrorKind::bad_progress
                                                           : ErrorKind::bad_changeset);
             })
        .def("received",
             [](MemoryClientStore& s) {
                 py::list result;
                 for (const auto& r : s.received())
                     result.append(py::make_tuple(r.server_version, r.client_version,
                                                  r.origin_file_ident, r.instructions));
                 return result;
             })
        .def("state", [](MemoryClientStore& s) {
            const client::ClientState t = s.state();
            py::dict d;
            d["file_ident"] = t.file.ident;
            d["current_version"] = t.current_version;
            d["uploaded_version"] = t.uploaded_version;
            d["download"] = py::make_tuple(t.progress.download.server_version,
                                           t.progress.download.client_version);
            d["upload"] =
                py::make_tuple(t.progress.upload.client_version, t.progress.upload.server_version);
            return d;
        });
}

// The parts that have vectors of their own.
void bind_parts(py::module_& m) {
    using client::Backoff;
    using client::BackoffParameters;
    py::class_<Backoff>(m, "Backoff")
        .def(py::init([](std::int64_t initial, std::int64_t max, std::int64_t multiplier,
                         std::int64_t divisor) {
            return Backoff(BackoffParameters{initial, max, multiplier, divisor});
        }))
        .def(
            "update",
            [](Backoff& b, int reason, std::optional<std::array<std::int64_t, 4>> p) {
                std::optional<BackoffParameters> parameters;
                if (p)
                    parameters = BackoffParameters{(*p)[0], (*p)[1], (*p)[2], (*p)[3]};
                b.update(reason, parameters);
            },
            py::arg("reason"), py::arg("parameters") = std::nullopt)
        .def(
            "delay",
            [](Backoff& b, std::uint64_t seed) {
                client::Random random(seed);
                return b.delay(random);
            },
            py::arg("seed") = 0)
        .def("reset", &Backoff::reset);

    using client::Notifiers;
    py::class_<Notifiers>(m, "ProgressNotifiers")
        .def(py::init<>())
        .def(
            "add",
            [](Notifiers& n, const std::string& direction, bool streaming,
               std::int64_t pending_query) {
                const auto r = n.add(parse_direction(direction), streaming, pending_query);
                return py::make_tuple(r.token,
                                      r.call ? py::object(call_tuple(*r.call)) : py::none());
            },
            py::arg("direction"), py::arg("streaming"), py::arg("pending_query") = 0)
        .def("remove", &Notifiers::remove)
        .def("set_local_version", &Notifiers::set_local_version)
        .def(
            "update",
            [](Notifiers& n, std::pair<std::uint64_t, std::uint64_t> upload,
               std::pair<std::uint64_t, std::uint64_t> download, double upload_estimate,
               double download_estimate, std::uint64_t snapshot, std::int64_t query_version) {
                std::vector<Notifiers::Call> calls;
                n.update({upload.first, upload.second, download.first, download.second,
                          upload_estimate, download_estimate, snapshot, query_version},
                         calls);
                py::list result;
                for (const auto& call : calls)
                    result.append(py::make_tuple(call.token, call_tuple(call)));
                return result;
            },
            py::kw_only(), py::arg("upload") = std::pair<std::uint64_t, std::uint64_t>{},
            py::arg("download") = std::pair<std::uint64_t, std::uint64_t>{},
            py::arg("upload_estimate") = 1.0, py::arg("download_estimate") = 1.0,
            py::arg("snapshot") = 1, py::arg("query_version") = 0);
}

} // namespace

void bind_client(py::module_& m) {
    py::class_<client::ClientStore, std::shared_ptr<client::ClientStore>>(m, "ClientStore");
    bind_memory_store(m);
    bind_parts(m);
    py::class_<PyClientRuntime> runtime(m, "ClientRuntime");
    runtime.def(py::init([](unsigned workers, std::uint64_t seed, std::optional<py::dict> tuning) {
                    return std::make_unique<PyClientRuntime>(
                        workers, seed, client_tuning(tuning.value_or(py::dict())));
                }),
                py::arg("workers") = 2, py::arg("seed") = 0, py::arg("tuning") = std::nullopt);
    bind_transport(runtime);
    bind_sessions(runtime);
}

} // namespace realmsync::bindings
