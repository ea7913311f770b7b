// The workload by pgjdbc: `Main WORKLOAD URL CA`.
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

public final class Main {
    private static final Gson GSON = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

    private final URI address;
    private final String ca;
    private final Connection connection;

    private Main(String url, String ca) throws SQLException {
        this.address = URI.create(url);
        this.ca = ca;
        this.connection = connect("secret", false);
    }

    public static void main(String[] arguments) throws Exception {
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Main driver = new Main(arguments[1], arguments[2]);
        for (JsonElement each : JsonParser.parseString(Files.readString(Path.of(arguments[0]))).getAsJsonArray()) {
            JsonObject step = each.getAsJsonObject();
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("step", text(step, "name"));
            try {
                answer.putAll(driver.answer(step));
            } catch (SQLException error) {
                SQLException reason = error instanceof BatchUpdateException ? error.getNextException() : error;
                answer.put("error", reason.getSQLState());
            }
            out.println(GSON.toJson(answer));
        }
        driver.connection.close();
    }

    private Connection connect(String password, boolean tls) throws SQLException {
        var properties = new Properties();
        properties.setProperty("user", address.getUserInfo().split(":")[0]);
        properties.setProperty("password", password);
        properties.setProperty("ApplicationName", "workload");
        properties.setProperty("sslmode", tls ? "verify-full" : "disable");
        properties.setProperty("sslrootcert", ca);
        return DriverManager.getConnection(
                "jdbc:postgresql://" + address.getHost() + ":" + address.getPort() + address.getPath(), properties);
    }

    private Map<String, Object> answer(JsonObject step) throws Exception {
        return switch (text(step, "do")) {
            case "login" -> login(step);
            case "simple" -> simple(step);
            case "several" -> several(step);
            case "query" -> query(text(step, "sql"), step.getAsJsonArray("params"));
            case "execute" -> execute(step);
            case "prepared" -> prepared(step);
            case "nested" -> nested(step);
            case "batch" -> batch(step);
            case "describe" -> describe(step);
            case "copy_in", "copy_bad" -> copyIn(step);
            case "copy_out" -> copyOut(step);
            case "notify" -> notification(step);
            case "sum" -> sum(text(step, "sql"), 0);
            case "portions" -> portions(step);
            case "first" -> first(step);
            case "echo" -> echo(step);
            case "cancel" -> cancel(step);
            case "timeout" -> timeout(step);
            default -> Map.of("unsupported", true);
        };
    }

    private Map<String, Object> login(JsonObject step) throws SQLException {
        String password = step.has("password") ? text(step, "password") : "secret";
        try (Connection other = connect(password, step.get("tls").getAsBoolean());
                Statement statement = other.createStatement();
                ResultSet rows = statement.executeQuery("select current_user")) {
            return Map.of("rows", read(rows));
        }
    }

    private Map<String, Object> simple(JsonObject step) throws SQLException {
        run(text(step, "sql"));
        return Map.of("done", true);
    }

    private void run(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private Map<String, Object> several(JsonObject step) throws SQLException {
        List<Object> results = new ArrayList<>();
        try (Statement statement = connection.createStatement()) {
            boolean rows = statement.execute(text(step, "sql"));
            while (rows || statement.getUpdateCount() != -1) {
                results.add(rows ? read(statement.getResultSet()) : List.of());
                rows = statement.getMoreResults();
            }
        }
        return Map.of("results", results);
    }

    private Map<String, Object> query(String sql, JsonArray params) throws SQLException {
        try (PreparedStatement statement = prepare(sql)) {
            bind(statement, params);
            try (ResultSet rows = statement.executeQuery()) {
                List<String> columns = new ArrayList<>();
                for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
                    columns.add(rows.getMetaData().getColumnLabel(i));
                }
                List<Object> found = read(rows);
                return found.isEmpty() ? Map.of("rows", found) : Map.of("columns", columns, "rows", found);
            }
        }
    }

    private Map<String, Object> execute(JsonObject step) throws SQLException {
        try (PreparedStatement statement = prepare(text(step, "sql"))) {
            bind(statement, step.getAsJsonArray("params"));
            return Map.of("count", statement.executeUpdate());
        }
    }

    private Map<String, Object> prepared(JsonObject step) throws SQLException {
        List<Object> each = new ArrayList<>();
        try (PreparedStatement statement = prepare(text(step, "sql"))) {
            for (JsonElement params : step.getAsJsonArray("sets")) { // named, and in binary, from the fifth time on
                bind(statement, params.getAsJsonArray());
                try (ResultSet rows = statement.executeQuery()) {
                    each.add(read(rows));
                }
            }
        }
        return Map.of("each", each);
    }

    private Map<String, Object> nested(JsonObject step) throws SQLException {
        connection.setAutoCommit(false);
        try {
            run(text(step, "outer"));
            Savepoint inner = connection.setSavepoint();
            run(text(step, "inner"));
            connection.rollback(inner);
            run(text(step, "after"));
            connection.commit();
        } catch (SQLException error) {
            connection.rollback();
            throw error;
        } finally {
            connection.setAutoCommit(true);
        }
        return Map.of("done", true);
    }

    private Map<String, Object> batch(JsonObject step) throws SQLException {
        try (PreparedStatement statement = prepare(text(step, "sql"))) {
            for (JsonElement params : step.getAsJsonArray("sets")) {
                bind(statement, params.getAsJsonArray());
                statement.addBatch();
            }
            return Map.of("count", Arrays.stream(statement.executeBatch()).sum());
        }
    }

    private Map<String, Object> describe(JsonObject step) throws SQLException {
        List<Object> types = new ArrayList<>();
        try (ResultSet columns = connection.getMetaData().getColumns(null, null, text(step, "table"), null)) {
            while (columns.next()) {
                types.add(List.of(columns.getString("COLUMN_NAME"), columns.getString("TYPE_NAME")));
            }
        }
        return Map.of("types", types);
    }

    private Map<String, Object> copyIn(JsonObject step) throws Exception {
        String columns = String.join(", ", step.getAsJsonArray("columns").asList().stream().map(JsonElement::getAsString).toList());
        String sql = "copy " + text(step, "table") + " (" + columns + ") from stdin (format csv)";
        var reader = new StringReader(text(step, "data"));
        return Map.of("count", postgres().getCopyAPI().copyIn(sql, reader));
    }

    private Map<String, Object> copyOut(JsonObject step) throws Exception {
        var out = new StringWriter();
        postgres().getCopyAPI().copyOut("copy (" + text(step, "query") + ") to stdout (format csv)", out);
        return Map.of("text", out.toString());
    }

    private Map<String, Object> notification(JsonObject step) throws SQLException {
        run("listen " + text(step, "channel"));
        try (Connection other = connect("secret", false);
                PreparedStatement statement = other.prepareStatement("select pg_notify(?, ?)")) {
            statement.setString(1, text(step, "channel"));
            statement.setString(2, text(step, "payload"));
            statement.execute();
        }
        PGNotification[] heard = postgres().getNotifications(60_000);
        run("unlisten " + text(step, "channel"));
        return Map.of("payload", heard[0].getParameter());
    }

    private Map<String, Object> sum(String sql, int size) throws SQLException {
        int count = 0;
        long sum = 0;
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(size);
            try (ResultSet rows = statement.executeQuery(sql)) {
                while (rows.next()) {
                    count++;
                    sum += rows.getInt(1);
                }
            }
        }
        return Map.of("count", count, "sum", Long.toString(sum));
    }

    private Map<String, Object> portions(JsonObject step) throws SQLException {
        connection.setAutoCommit(false); // a fetch size counts in transactions alone
        try {
            return sum(text(step, "sql"), step.get("size").getAsInt());
        } finally {
            connection.commit();
            connection.setAutoCommit(true);
        }
    }

    private Map<String, Object> first(JsonObject step) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(step.get("size").getAsInt());
            List<Object> found = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery(text(step, "sql"))) {
                while (found.size() < step.get("size").getAsInt() && rows.next()) {
                    found.add(row(rows));
                }
            }
            return Map.of("rows", found);
        } finally {
            connection.commit();
            connection.setAutoCommit(true);
        }
    }

    private Map<String, Object> echo(JsonObject step) throws SQLException {
        String sent = text(step, "repeat").repeat(step.get("times").getAsInt());
        try (PreparedStatement statement = prepare(text(step, "sql"))) {
            statement.setString(1, sent);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                String received = rows.getString(1);
                return Map.of("length", received.getBytes(StandardCharsets.UTF_8).length, "same", received.equals(sent));
            }
        }
    }

    private Map<String, Object> cancel(JsonObject step) throws Exception {
        try (Statement statement = connection.createStatement()) {
            int pid = postgres().getBackendPID();
            var canceller = new Thread(() -> {
                try (Connection other = connect("secret", false);
                        PreparedStatement watch = other.prepareStatement(text(step, "watch").replace("$1", "?"))) {
                    watch.setInt(1, pid);
                    for (boolean active = false; !active; Thread.sleep(10)) {
                        try (ResultSet rows = watch.executeQuery()) {
                            active = rows.next() && rows.getInt(1) == 1;
                        }
                    }
                    statement.cancel();
                } catch (SQLException | InterruptedException error) {
                    throw new IllegalStateException(error);
                }
            });
            canceller.start();
            try {
                statement.execute(text(step, "sql"));
            } finally {
                canceller.join();
            }
        }
        return Map.of("done", true);
    }

    private Map<String, Object> timeout(JsonObject step) throws SQLException {
        run("set statement_timeout = " + step.get("milliseconds").getAsInt());
        try {
            run(text(step, "sql"));
        } finally {
            run("set statement_timeout = 0");
        }
        return Map.of("done", true);
    }

    private PGConnection postgres() throws SQLException {
        return connection.unwrap(PGConnection.class);
    }

    private PreparedStatement prepare(String sql) throws SQLException {
        return connection.prepareStatement(sql.replaceAll("\\$\\d+", "?"));
    }

    private void bind(PreparedStatement statement, JsonArray params) throws SQLException {
        for (int i = 0; i < params.size(); i++) {
            JsonArray param = params.get(i).getAsJsonArray();
            Values.bind(connection, statement, i + 1, param.get(0).getAsString(), param.get(1));
        }
    }

    private static List<Object> read(ResultSet rows) throws SQLException {
        List<Object> found = new ArrayList<>();
        while (rows.next()) {
            found.add(row(rows));
        }
        return found;
    }

    private static List<Object> row(ResultSet rows) throws SQLException {
        List<Object> row = new ArrayList<>();
        for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
            row.add(Values.shown(rows, i));
        }
        return row;
    }

    private static String text(JsonObject step, String key) {
        return step.get(key).getAsString();
    }
}
