// A program over the SDKs' core library that obeys commands on standard input, one a line.
#include <realm/object-store/sync/app.hpp>
#include <realm/object-store/sync/app_user.hpp>
#include <realm/object-store/sync/app_credentials.hpp>
#include <realm/object-store/sync/sync_manager.hpp>
#include <realm/object-store/sync/sync_session.hpp>
#include <realm/object-store/sync/generic_network_transport.hpp>
#include <realm/object-store/shared_realm.hpp>
#include <realm/object-store/object_schema.hpp>
#include <realm/object-store/property.hpp>
#include <realm/object-store/schema.hpp>
#include <realm/object-store/util/scheduler.hpp>
#include <realm/object-store/thread_safe_reference.hpp>
#include <realm/sync/config.hpp>
#include <realm/sync/subscriptions.hpp>
#include <realm/db.hpp>
#include <realm/list.hpp>
#include <future>
#include <iostream>
#include <sstream>
#include <mutex>
#include <thread>
#include <set>
#include <algorithm>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace realm;

static std::mutex out_lock;
static void say(const std::string& text)
{
    std::lock_guard<std::mutex> hold(out_lock);
    std::cout << text << std::endl;
}

// HTTP on a connection of its own, on a thread of its own.
struct Transport : app::GenericNetworkTransport {
    void send_request_to_server(const app::Request& request,
                                util::UniqueFunction<void(const app::Response&)>&& done) override
    {
        auto shared = std::make_shared<util::UniqueFunction<void(const app::Response&)>>(std::move(done));
        std::thread([request, shared] { (*shared)(exchange(request)); }).detach();
    }
    static app::Response exchange(const app::Request& request)
    {
        static const char* methods[] = {"GET", "POST", "PATCH", "PUT", "DELETE"};
        std::string rest = request.url.substr(7);
        std::string host = rest.substr(0, rest.find('/'));
        std::string path = rest.substr(rest.find('/'));
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(std::stoi(host.substr(host.find(':') + 1))));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            return {0, 1, {}, "no connection", {}};
        std::ostringstream text;
        text << methods[static_cast<int>(request.method)] << ' ' << path << " HTTP/1.1\r\nHost: " << host
             << "\r\nConnection: close\r\nContent-Length: " << request.body.size() << "\r\n";
        for (auto& [name, value] : request.headers)
            text << name << ": " << value << "\r\n";
        text << "\r\n" << request.body;
        std::string data = text.str();
        ::send(fd, data.data(), data.size(), 0);
        std::string reply;
        char buffer[4096];
        for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
            reply.append(buffer, static_cast<size_t>(n));
        ::close(fd);
        app::Response response{std::stoi(reply.substr(9, 3)), 0, {}, "", {}};
        std::istringstream lines(reply.substr(0, reply.find("\r\n\r\n")));
        std::string line;
        std::getline(lines, line);
        while (std::getline(lines, line)) {
            if (!line.empty() && line.back() == '\r') line.pop_back();
            auto colon = line.find(':');
            response.headers[line.substr(0, colon)] = line.substr(colon + 2);
        }
        response.body = reply.substr(reply.find("\r\n\r\n") + 4);
        return response;
    }
};

struct Log : util::Logger {
    void do_log(const util::LogCategory&, Level, const std::string& message) override { std::cerr << message << '\n'; }
};

int main(int argc, char** argv)
{
    std::string url = argv[1], app_id = argv[2], folder = argv[3];
    util::Scheduler::set_default_factory([] { return util::Scheduler::make_dummy(); });
    app::AppConfig config;
    config.app_id = app_id;
    config.base_url = url;
    config.transport = std::make_shared<Transport>();
    config.base_file_path = folder;
    config.metadata_mode = app::AppConfig::MetadataMode::NoEncryption;
    config.device_info = {"1", "1", "core", "x", "1", "none", "1", "x"};
    config.sync_client_config.log_level = argc > 4 ? util::Logger::Level::trace : util::Logger::Level::info;
    config.sync_client_config.logger_factory = [](util::Logger::Level level) {
        auto log = std::make_shared<Log>();
        log->set_level_threshold(level);
        return log;
    };
    auto app = app::App::get_app(app::App::CacheMode::Disabled, config);
    std::shared_ptr<app::User> user;
    SharedRealm realm;
    Realm::Config opened;
    auto log_in = [&](app::AppCredentials credentials) {
        std::promise<std::string> done;
        app->log_in_with_credentials(credentials, [&](std::shared_ptr<app::User> who, util::Optional<app::AppError> error) {
            user = who;
            done.set_value(error ? std::string("error ") + std::string(error->reason()) : "user " + who->user_id());
        });
        return done.get_future().get();
    };
    auto keys = [](Realm& from) {
        std::set<int64_t> all;
        auto table = from.read_group().get_table("class_Note");
        if (!table)
            table = from.read_group().get_table("class_Task");
        if (table)
            for (auto& object : *table)
                all.insert(object.get<Int>("_id"));
        std::string text;
        for (auto key : all)
            text += " " + std::to_string(key);
        return text;
    };
    auto prepare = [&](const std::string& mode) {
        auto& sync = *opened.sync_config;
        sync.client_resync_mode = mode == "recover" ? ClientResyncMode::Recover : mode == "discard" ? ClientResyncMode::DiscardLocal : mode == "either" ? ClientResyncMode::RecoverOrDiscard : ClientResyncMode::Manual;
        sync.error_handler = [](std::shared_ptr<SyncSession>, SyncError error) {
            std::string taken_back;
                for (auto& write : error.compensating_writes_info)
                    taken_back += " " + std::to_string(write.primary_key.get_int());
                say("event error " + std::to_string(static_cast<int>(error.status.code())) + taken_back + " " + std::string(error.status.reason()));
        };
        sync.notify_before_client_reset = [&](SharedRealm before) { say("event before" + keys(*before)); };
        sync.notify_after_client_reset = [&](SharedRealm, ThreadSafeReference after, bool recovered) {
            auto now = Realm::get_shared_realm(std::move(after), util::Scheduler::make_dummy());
            say("event after" + keys(*now) + (recovered ? " recovered" : " discarded"));
        };
    };
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string word, a, b, c, d;
        words >> word >> a >> b >> c >> d;
        try {
            if (word == "anonymous") say(log_in(app::AppCredentials::anonymous(false)));
            else if (word == "register") {
                std::promise<std::string> done;
                app->provider_client<app::App::UsernamePasswordProviderClient>().register_email(a, b, [&](util::Optional<app::AppError> error) {
                    done.set_value(error ? std::string("error ") + std::string(error->reason()) : "registered");
                });
                say(done.get_future().get());
            }
            else if (word == "account") say(log_in(app::AppCredentials::username_password(a, b)));
            else if (word == "state") say(std::to_string(static_cast<int>(user->state())));
            else if (word == "open") {
                opened = Realm::Config();
                opened.sync_config = std::make_shared<SyncConfig>(user, bson::Bson(a));
                opened.path = folder + "/" + c + ".realm";
                opened.schema_version = 0;
                opened.schema = Schema{{"Note", {{"_id", PropertyType::Int, Property::IsPrimary{true}}, {"text", PropertyType::String | PropertyType::Nullable}, {"list", PropertyType::Int | PropertyType::Array}}}};
                prepare(b);
                realm = Realm::get_shared_realm(opened);
                say("opened");
            }
            else if (word == "flexible") {
                opened = Realm::Config();
                opened.sync_config = std::make_shared<SyncConfig>(user, SyncConfig::FLXSyncEnabled{});
                opened.path = folder + "/" + b + ".realm";
                opened.schema_version = 0;
                auto text = PropertyType::String | PropertyType::Nullable;
                opened.schema = Schema{
                    {"Task", {{"_id", PropertyType::Int, Property::IsPrimary{true}}, {"owner", text}, {"board", text}, {"text", text}}},
                    {"Measurement", ObjectSchema::ObjectType::TopLevelAsymmetric, {{"_id", PropertyType::Int, Property::IsPrimary{true}}, {"owner", text}}},
                };
                prepare(a);
                realm = Realm::get_shared_realm(opened);
                say("opened");
            }
            else if (word == "subscribe" || word == "unsubscribe") {
                auto set = realm->get_latest_subscription_set().make_mutable_copy();
                if (word == "unsubscribe")
                    set.erase(a);
                else
                    set.insert_or_assign(a, realm->read_group().get_table("class_Task")->query(b + " == '" + c + "'"));
                auto committed = set.commit();
                auto done = std::make_shared<std::promise<std::string>>();
                committed.get_state_change_notification(sync::SubscriptionSet::State::Complete, [done](util::Optional<sync::SubscriptionSet::State> state, util::Optional<Status> status) {
                    done->set_value(state == sync::SubscriptionSet::State::Complete ? "complete" : status ? "refused " + std::string(status->reason()) : "other");
                });
                auto result = done->get_future();
                say(result.wait_for(std::chrono::seconds(30)) == std::future_status::ready ? result.get() : "late");
            }
            else if (word == "task" || word == "tasks") {
                realm->begin_transaction();
                auto table = realm->read_group().get_table("class_Task");
                auto first = std::stoll(a), last = word == "task" ? first + 1 : std::stoll(d);
                for (auto key = first; key < last; ++key) {
                    auto object = table->create_object_with_primary_key(Mixed(static_cast<int64_t>(key)));
                    object.set("owner", StringData(b));
                    object.set("board", StringData(c));
                }
                realm->commit_transaction();
                say("added");
            }
            else if (word == "set") {
                realm->begin_transaction();
                realm->read_group().get_table("class_Task")->get_object_with_primary_key(Mixed(static_cast<int64_t>(std::stoll(a)))).set(b, StringData(c));
                realm->commit_transaction();
                say("set");
            }
            else if (word == "get") {
                realm->refresh();
                say(std::string(realm->read_group().get_table("class_Task")->get_object_with_primary_key(Mixed(static_cast<int64_t>(std::stoll(a)))).get<StringData>(b)));
            }
            else if (word == "measure") {
                realm->begin_transaction();
                realm->read_group().get_table("class_Measurement")->create_object_with_primary_key(Mixed(static_cast<int64_t>(std::stoll(a)))).set("owner", StringData(b));
                realm->commit_transaction();
                say("measured");
            }
            else if (word == "add") {
                realm->begin_transaction();
                auto object = realm->read_group().get_table("class_Note")->create_object_with_primary_key(Mixed(static_cast<int64_t>(std::stoll(a))));
                object.set("text", StringData(a));
                object.get_list<Int>("list").add(std::stoll(a));
                realm->commit_transaction();
                say("added");
            }
            else if (word == "erase") {
                realm->begin_transaction();
                auto table = realm->read_group().get_table("class_Note");
                table->get_object_with_primary_key(Mixed(static_cast<int64_t>(std::stoll(a)))).remove();
                realm->commit_transaction();
                say("erased");
            }
            else if (word == "keys") { realm->refresh(); say("keys" + keys(*realm)); }
            else if (word == "upload" || word == "download") {
                auto done = std::make_shared<std::promise<std::string>>();
                auto finished = [done](Status status) { done->set_value(status.is_ok() ? "done" : "failed " + std::string(status.reason())); };
                if (word == "upload") realm->sync_session()->wait_for_upload_completion(finished);
                else realm->sync_session()->wait_for_download_completion(finished);
                auto result = done->get_future();
                say(result.wait_for(std::chrono::seconds(30)) == std::future_status::ready ? result.get() : "late");
            }
            else if (word == "pause") { realm->sync_session()->pause(); say("paused"); }
            else if (word == "resume") { realm->sync_session()->resume(); say("resumed"); }
            else if (word == "ident") say(std::to_string(realm->sync_session()->get_file_ident().ident));
            else if (word == "connection") say(std::to_string(static_cast<int>(realm->sync_session()->connection_state())));
            else if (word == "close") { realm->close(); realm.reset(); say("closed"); }
            else say("unknown " + word);
        }
        catch (const std::exception& error) {
            say(std::string("exception ") + error.what());
        }
    }
    _exit(0);
}
